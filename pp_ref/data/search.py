"""The search for a data set: an explicit path, ``$PP_REF_DATA``, the user's cache, and last a verified download.

A reader checks the content of a local file and not its container, so the file may be unpacked or compressed again. A
download has to match its checksum before it is renamed into the cache, so a broken one leaves nothing behind.
"""

import errno
import os
import stat
from pathlib import Path
from typing import NamedTuple

from pp_ref.errors import DataError, import_extra, unknown
from pp_ref.files import OTHERS, cache_folder, reason

__all__ = [
    "CIFAR10_BATCHES",
    "COLLECTIONS",
    "HYVARINEN",
    "OLSHAUSEN",
    "STL10_FILES",
    "Collection",
    "download",
    "fault_of",
    "file_in",
    "files_in",
    "find_data",
    "is_file",
    "lacking",
    "look_for",
    "user_cache",
]


class Collection(NamedTuple):
    """The files of one data set, which are all taken from one folder."""

    files: dict[str, str]  # the publisher's file name -> SHA-256 of a download, or "md5:" and its MD5
    mirrors: tuple[str, ...]  # addresses of folders that hold those files, tried in turn; () if it is not downloaded
    forms: tuple[tuple[str, ...], ...] = ()  # other sets of files with the same content
    origin: str = ""  # their source in a sentence, if they are not downloaded
    whole: str = ""  # what to put into a folder, if the files are only those by which a larger tree is found


CIFAR10_BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
HYVARINEN = tuple(f"hyvarinen/{number}.tiff" for number in range(1, 14))
OLSHAUSEN = tuple(f"olshausen/{number:02}.tif" for number in range(1, 11))
STL10_FILES = ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin", "fold_indices.txt")
STL10_SAMPLE = "stl10_unlabeled_sample246.npz"
TIMIT_FILES = ("TRAIN/DR1/FCJF0/SI1027.PHN", "TEST/DR1/FELC0/SI756.PHN")


COLLECTIONS = {
    "mnist": Collection(
        files={
            "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
    ),
    "cifar10": Collection(
        files={"cifar-10-binary.tar.gz": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
        mirrors=("https://www.cs.toronto.edu/~kriz/",),
        forms=(
            tuple(f"cifar-10-batches-bin/{batch}.bin" for batch in CIFAR10_BATCHES),
            tuple(f"{batch}.bin" for batch in CIFAR10_BATCHES),
            tuple(f"cifar-10-batches-py/{batch}" for batch in CIFAR10_BATCHES),
            CIFAR10_BATCHES,
            ("cifar-10-python.tar.gz",),
        ),
    ),
    "natural-images": Collection(
        files={"natural_images.npz": "2b42aa30fea9406006cdf5e939605bfa866c5098d3689159097b9c5b5e2141c5"},
        mirrors=(),
        forms=(HYVARINEN + OLSHAUSEN,),
        origin=(
            "They are not downloaded: take Hyvarinen's 1.tiff to 13.tiff from data in "
            "https://github.com/flatironinstitute/bio-sfa (non-commercial use only) into a folder hyvarinen, and "
            "Olshausen's 01.tif to 10.tif from matlab/data in https://github.com/shaoguangcheng/CDBN into a folder "
            "olshausen beside it"
        ),
    ),
    "stl10": Collection(
        files={"stl10_binary.tar.gz": "md5:91f7769df0f17e558f3565bffb0c7dfb"},
        mirrors=("http://ai.stanford.edu/~acoates/stl10/",),
        forms=(tuple(f"stl10_binary/{file}" for file in STL10_FILES), STL10_FILES),
    ),
    "stl10-sample": Collection(
        files={STL10_SAMPLE: "e231b0f8080ac832b3183953ecdc9ee3ae48154900496ca9a27be959f9af6a10"},
        mirrors=(),
        forms=((f"stl10/{STL10_SAMPLE}",),),
        origin=(
            "It is not downloaded: its X (246, 96, 96, 3) holds the PNG files of examples in "
            "https://github.com/semihyagli/STL10-Labeled"
        ),
    ),
    "timit": Collection(
        files=dict.fromkeys(TIMIT_FILES, ""),
        mirrors=(),
        forms=tuple(
            tuple(prefix + case(file) for file in TIMIT_FILES)
            for prefix in ("", "TIMIT/", "timit/")
            for case in (str.upper, str.lower)
        ),
        whole="TRAIN and TEST of the corpus",
        origin="It is not downloaded: the Linguistic Data Consortium sells it as LDC93S1",
    ),
    "timit-sample": Collection(
        files={"dr1-fvmh0/sx206.phn": "", "dr8-mbcg0/sx57.phn": ""},
        mirrors=(),
        forms=(("timit/dr1-fvmh0/sx206.phn", "timit/dr8-mbcg0/sx57.phn"),),
        whole="the folders dr1-fvmh0 to dr8-mbcg0",
        origin=(
            "It is not downloaded: it is the corpus timit of NLTK, python -m nltk.downloader timit, with the licence "
            "CC BY-NC-SA (non-commercial use), a sample of TIMIT (LDC93S1)"
        ),
    ),
}


def user_cache(name: str) -> Path:
    """Return the folder in the user's cache for downloads of collection ``name``; raise DataError as `cache_folder`."""
    return cache_folder() / name


def file_in(folder: Path, file: str) -> Path | None:
    """Return the path of ``file`` in ``folder``, with or without its ``.gz``; None if there is neither.

    A ``.tar.gz`` may also be a ``.tar.xz`` or ``.tar.bz2``, since tar archives of any compression are read.
    raises  OSError if the folder may not be searched
    """
    bare = file.removesuffix(".gz")
    names = [file, bare]
    if bare.endswith(".tar"):
        names += [f"{bare}.xz", f"{bare}.bz2"]
    return next((folder / name for name in names if is_file(folder / name)), None)


def is_file(path: Path) -> bool:
    """Return whether there is a regular file or a link to one; raise OSError if that cannot be known."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return False
        raise


def files_in(name: str, place: Path) -> list[Path]:
    """Return the files of collection ``name`` in the place found by `find_data`: unpacked ones before an archive."""
    if is_file(place):
        return [place]
    collection = COLLECTIONS[name]
    forms = ([file_in(place, file) for file in form] for form in (*collection.forms, tuple(collection.files)))
    return next(([file for file in files if file] for files in forms if all(files)), [])


def lacking(name: str, folder: Path) -> list[str]:
    """Return the files of collection ``name`` that ``folder`` lacks, for the form with most files there."""
    forms = (tuple(COLLECTIONS[name].files), *COLLECTIONS[name].forms)
    absent = [[file for file in form if file_in(folder, file) is None] for form in forms]
    nearest = max(range(len(forms)), key=lambda form: len(forms[form]) - len(absent[form]))  # the first of a tie
    return absent[nearest]


def look_for(name: str, path: str | os.PathLike[str] | None = None) -> tuple[Path | None, list[str]]:
    """Look for collection ``name`` on this machine, without downloading anything.

    path     a folder, or an archive of the whole data set; no other place is searched if it is given
    returns  the folder that holds every file (or the archive), or None; and one line for each place without them
    raises   DataError for a name that is not in COLLECTIONS

    A folder given by ``path`` or ``$PP_REF_DATA`` may hold the files itself, or in a subfolder called ``name``.
    """
    if name not in COLLECTIONS:
        raise DataError(unknown("name", name, sorted(COLLECTIONS)))
    missed = []
    places: list[tuple[str, Path]] = []
    variable = os.environ.get("PP_REF_DATA")
    if path is not None:
        places += [(f"path={os.fspath(path)}", Path(path)), (f"its subfolder {name}", Path(path) / name)]
    elif variable:
        try:
            given = Path(variable).expanduser()
            places += [(f"PP_REF_DATA={variable}", given), (f"its subfolder {name}", given / name)]
        except RuntimeError:
            missed.append(f"PP_REF_DATA={variable}: no home folder is known for it, expected a full path")
    else:
        missed.append("PP_REF_DATA, which is not set")
    if path is None:
        try:
            places.append((f"the user cache {user_cache(name)}", user_cache(name)))
        except DataError as error:
            missed.append(str(error))
    if path is not None and os.path.isfile(path) and len(COLLECTIONS[name].files) == 1:
        return Path(path), missed
    for words, folder in places:
        if fault := fault_of(name, folder):
            missed.append(f"{words}: {fault}")
        else:
            return folder, missed
    return None, missed


def fault_of(name: str, folder: Path) -> str | None:
    """Return why ``folder`` is no folder with collection ``name``, in words; None if it is one."""
    try:
        mode = folder.stat().st_mode
        if not stat.S_ISDIR(mode):
            return f"{OTHERS.get(stat.S_IFMT(mode), 'a file')}, expected a folder"
        return None if files_in(name, folder) else f"lacks {', '.join(lacking(name, folder))}"
    except (FileNotFoundError, NotADirectoryError):
        return "no such folder"
    except (OSError, ValueError) as error:  # a NUL in the path is a ValueError
        return f"cannot be searched ({reason(error)})"


def find_data(name: str, path: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder with every file of collection ``name``; download the files if they are not on this machine.

    name     a key of COLLECTIONS, such as ``"mnist"``
    path     a folder or an archive; no other place is searched and nothing is downloaded if it is given
    returns  the first of: ``path``, ``$PP_REF_DATA`` (either folder or its subfolder ``name``), the cache, a download
    raises   DataError, which lists every place that was searched, and what to do

    Examples
    --------
    >>> from pathlib import Path
    >>> from pp_ref.data import find_data
    >>> Path("stl10_unlabeled_sample246.npz").touch()
    >>> str(find_data("stl10-sample", "."))
    '.'
    """
    found, missed = look_for(name, path)
    if found is None and path is None:
        found, failed = download(name)
        missed += failed
    if found is None:
        how = "compressed or not, or unpacked" if COLLECTIONS[name].forms else "compressed or not"
        files = COLLECTIONS[name].whole or f"{', '.join(COLLECTIONS[name].files)} ({how})"
        raise DataError(
            f"{name} was not found. Looked in: {'; '.join(missed)}. Put {files} into one folder, and set PP_REF_DATA "
            "to it or pass it as path=" + (f". {origin}" if (origin := COLLECTIONS[name].origin) else "")
        )
    return found


def download(name: str) -> tuple[Path | None, list[str]]:
    """Fetch every file of a collection into the user's cache.

    returns  the folder, or None if a file could not be fetched; and one line for each mirror that failed

    pooch writes to a temporary name beside the target and renames it once the checksum agrees.
    """
    pooch = import_extra("pooch", "figures")

    folder = user_cache(name)
    failed: list[str] = []
    for file, known_hash in COLLECTIONS[name].files.items():
        if os.path.lexists(folder / file) and not os.path.isfile(folder / file):
            return None, [
                *failed,
                f"{folder / file} is in the way and no file: remove it",
            ]  # pooch would wait for a FIFO
        for mirror in COLLECTIONS[name].mirrors:
            try:
                pooch.retrieve(mirror + file, known_hash=known_hash, fname=file, path=folder)
                break
            except (OSError, ValueError) as error:  # requests' errors are OSErrors; a wrong hash is a ValueError
                failed.append(f"{mirror}{file}: {type(error).__name__}: {error}")
        else:
            return None, failed
    return folder, failed
