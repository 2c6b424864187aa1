# Threads that compress, which happens without the interpreter's lock.
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor


def work(seed):
    text = bytes((i * seed) % 251 for i in range(40000))
    return zlib.crc32(zlib.decompress(zlib.compress(text)))


with ThreadPoolExecutor(8) as pool:
    print(hex(sum(pool.map(work, range(100)))))
for _ in range(200):
    threads = [threading.Thread(target=bytearray, args=(100_000,)) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
print("joined", threading.active_count())
