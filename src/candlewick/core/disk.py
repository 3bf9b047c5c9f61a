"""The few calls by which a journal reaches the disk, in one object, so that a test can let each of them fail."""

import os
from pathlib import Path


class Disk:
    """The real one. A handle is a file descriptor; every call raises OSError where the system refuses."""

    def open(self, path: Path) -> int:
        """A handle that writes at the file's end; the file is made, for the user alone, where it is missing."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, handle: int, data: bytes) -> None:
        """All of `data`, not yet safe from a loss of power."""
        left = memoryview(data)
        while left:
            left = left[os.write(handle, left) :]

    def sync(self, handle: int) -> None:
        """What was written is on the medium, and so is the file's length."""
        os.fdatasync(handle)

    def rewrite(self, path: Path, offset: int, data: bytes) -> None:
        """The bytes that stand at `offset` once more, on the medium when it returns.

        A sync that failed may have left them in memory only, and a later one would say nothing of it.
        """
        handle, left = os.open(path, os.O_WRONLY | os.O_CLOEXEC), memoryview(data)
        try:
            while left:
                left = left[os.pwrite(handle, left, offset + len(data) - len(left)) :]
            os.fdatasync(handle)
        finally:
            os.close(handle)

    def truncate(self, handle: int, size: int) -> None:
        """Cut the file to `size` bytes, durably."""
        os.ftruncate(handle, size)
        os.fsync(handle)

    def sync_folder(self, folder: Path) -> None:
        """Names of files in `folder` are on the medium."""
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def close(self, handle: int) -> None:
        """Give the handle back."""
        os.close(handle)
