"""What the real sets consist of, and who serves them.

The checksums are the canonical ones, so any host will do as a mirror. The first
one is the publisher's or the usual one; all speak https.
"""

IDX = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
# set -> file -> (md5, bytes)
FILES = {
    "mnist": {
        IDX[0]: ("f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
        IDX[1]: ("d53e105ee54ea40749a09fcbcd1e9432", 28_881),
        IDX[2]: ("9fb629c4189551a2d022fa330f9573f3", 1_648_877),
        IDX[3]: ("ec29112dd5afa0611ce80d1b7f02629c", 4_542),
    },
    "fashion-mnist": {
        IDX[0]: ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
        IDX[1]: ("25c81989df183df01b3e8a0aad5dffbe", 29_515),
        IDX[2]: ("bef4ecab320f06d8554ea6380940ec79", 4_422_102),
        IDX[3]: ("bb300cfdad3c16e7a12a480ee83cd310", 5_148),
    },
    # the binary archive, not the Python one: plain bytes, nothing to unpickle
    "cifar-10": {
        "cifar-10-binary.tar.gz": ("c32a1d4ab5d03f1284b67883e8d87530", 170_052_171),
    },
}
MIRRORS = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "fashion-mnist": (
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    ),
    "cifar-10": (
        "https://www.cs.toronto.edu/~kriz/",
        "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
        "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/",
    ),
}
