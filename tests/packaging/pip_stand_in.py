"""Stands in for pip, which needs a network: installs a package of one file per requirement, like pip in its output.

``python pip_stand_in.py PYTHON [options] REQUIREMENT...``; a requirement named ``wait-here`` waits for its end.
"""

import subprocess
import sys
import time
from pathlib import Path


def site_packages(python: str) -> Path:
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip())


def main(python: str, requirements: list[str]) -> None:
    if "unreachable" in requirements:
        sys.exit("ERROR: Temporary failure in name resolution")
    print("Installing collected packages:", ", ".join(requirements), flush=True)
    target = site_packages(python)
    for requirement in requirements:
        name, _, version = requirement.partition("==")
        (target / name).mkdir(exist_ok=True)
        (target / name / "__init__.py").touch()
        while name == "wait-here":
            time.sleep(0.05)
        metadata = target / f"{name}-{version or 1}.dist-info"
        metadata.mkdir(exist_ok=True)
        (metadata / "RECORD").touch()


if __name__ == "__main__":
    main(sys.argv[1], [Path(word).name for word in sys.argv[2:] if not word.startswith("-") and word != "install"])
