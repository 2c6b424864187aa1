# A pool of forked workers which are given work and end with their parent.
import multiprocessing

import zlib


def work(number):
    return zlib.crc32(b"%d" % number * 1000)


if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(4) as pool:
        print(sum(pool.map(work, range(2000), chunksize=50)))
