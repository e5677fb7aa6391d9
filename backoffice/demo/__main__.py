"""`python -m backoffice.demo`: set the process up, then run."""

import os
import sys

import django


def main() -> int:
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
    # This process sends tasks by name and loads none; each worker loads those of its own queue.
    os.environ.setdefault("BACKOFFICE_QUEUES", "")
    django.setup()
    from backoffice.demo.run import main as run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
