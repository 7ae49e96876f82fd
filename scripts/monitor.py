"""Show how the queue drains: python3 monitor.py"""

import tasks

if __name__ == "__main__":
    tasks.monitor()
