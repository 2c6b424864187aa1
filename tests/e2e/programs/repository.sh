# A life of a small repository.
export HOME="$PWD" GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a \
    GIT_COMMITTER_EMAIL=a@b GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
git init -q -b main r && cd r || exit 1
for i in 1 2 3 4 5; do
    seq "$i" 5000 >"file$i"
    git add . && git commit -qm "commit $i" || exit 1
done
git log --stat --format='%H %s'
git checkout -qb side HEAD~2 && seq 9 >file9 && git add . && git commit -qm side && git merge -q -m merge main
git gc -q --prune=now && git fsck --full && git rev-list --all --objects | sort | cksum
git clone -q . ../copy && git -C ../copy diff HEAD~3 | cksum
