"""Send a task for each regridded file that the store lacks: python3 enqueue_curate.py"""

import tasks


def enqueue():
    files = tasks.get_uncompleted_curation_tasks()
    print(f"curate: sending {len(files)} tasks")
    for file in files:
        tasks.process.delay(file)


if __name__ == "__main__":
    tasks.main(enqueue)
