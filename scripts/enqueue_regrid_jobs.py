"""Send a task for each file of index.csv that is still to be regridded: python3 enqueue_regrid_jobs.py"""

import tasks


def enqueue():
    files = tasks.get_uncompleted_regrid_tasks()
    print(f"regrid: sending {len(files)} tasks")
    for file in files:
        tasks.regrid_file.delay(file)


if __name__ == "__main__":
    tasks.main(enqueue)
