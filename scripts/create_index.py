"""Write an index of all ERA5 files under config.ERA5_ROOTS: python3 create_index.py index.csv"""

import sys

import tasks

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    tasks.main(tasks.create_index, sys.argv[1])
