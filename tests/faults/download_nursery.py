"""Downloads in processes that can be killed: reads lines with an endpoint, a cache and an id, forks one for each.

Answers each line with the number of the process, then with how it ended. Forking saves the second that imports take.
"""

import os
import sys
import traceback
import warnings

warnings.simplefilter("ignore")


def main() -> None:
    from engine.hub.download import download  # noqa: F401  # so that no child has to

    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            _run(*line.split())
        print(process, flush=True)
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(endpoint: str, cache: str, hub_id: str) -> None:
    from huggingface_hub import constants

    from engine.api.cancellation import CancellationToken
    from engine.api.hub import HubAccess
    from engine.hub.download import download

    constants.HF_HUB_CACHE = cache
    try:
        download(hub_id, "main", HubAccess(endpoint=endpoint), CancellationToken(), lambda _: None)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


if __name__ == "__main__":
    main()
