"""Writes a root file system with an OCR server in it to a tar file: a Python environment, the interpreter and its library, and
every shared library that any of them needs, each at the path that it has here.

    ocr_image.py ENVIRONMENT FILE
"""

import os
import re
import subprocess
import sys
import sysconfig
import tarfile

# Whatever a server does not need.
LEFT_OUT = re.compile(r"/(__pycache__|test|tests|idlelib|ensurepip|lib2to3|tkinter|pip|setuptools|config-3[^/]*)(/|$)")

environment, target = sys.argv[1:]
base = os.path.realpath(sys._base_executable)
roots = [environment, sysconfig.get_path("stdlib"), base]
files = set()
for root in roots:
    if os.path.isfile(root):
        files.add(root)
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not LEFT_OUT.search(f"{folder}/{name}")]
        if root != environment and "site-packages" in folders:
            folders.remove("site-packages")
        files.update(f"{folder}/{name}" for name in names if not name.endswith(".a"))

binaries = [path for path in files if path == base or re.search(r"\.so(\.[0-9.]+)?$", path)]
for start in range(0, len(binaries), 100):
    listed = subprocess.run(["ldd", *binaries[start : start + 100]], capture_output=True, text=True)
    libraries = re.findall(r"(?:=> |^\s+)(/\S+) \(0x", listed.stdout, re.MULTILINE)
    files.update(os.path.normpath(library) for library in libraries)

with tarfile.open(target, "w") as tar:
    for folder in ["tmp", "proc", "sys", "dev", "etc"]:
        entry = tarfile.TarInfo(folder)
        entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
        tar.addfile(entry)
    interpreters = {f"{environment}/bin/{name}" for name in ["python", "python3"]}
    for path in sorted(files - interpreters):
        # Links among libraries are followed: what is named is there.
        tar.add(os.path.realpath(path), arcname=path, recursive=False)
    # The environment's interpreter is a link to the one outside.
    for path in sorted(interpreters):
        link = tarfile.TarInfo(path.lstrip("/"))
        link.type, link.linkname = tarfile.SYMTYPE, base
        tar.addfile(link)
