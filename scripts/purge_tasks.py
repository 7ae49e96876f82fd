"""Remove all messages from the queue, those that workers hold excepted: python3 purge_tasks.py"""

import tasks

if __name__ == "__main__":
    print(f"{tasks.app.control.purge()} messages removed")
