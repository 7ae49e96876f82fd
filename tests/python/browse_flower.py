"""browse_flower.py FLOWER BROKER NODE FOLDER [SCREENSHOTS]: gives a worker of flower_tasks work, looks at it through
Flower in headless Chromium and clicks Flower's buttons. Prints one JSON object of what the rendered pages show, "page /
table / row" to the row's cells, with what differs from run to run (times, process ids, usage) replaced by its form.
CHROMIUM and CHROMEDRIVER name the programs. Pictures of the pages go to the folder SCREENSHOTS."""
import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit

os.environ["NO_PROXY"] = os.environ["no_proxy"] = "localhost,127.0.0.1"
os.environ["SE_OFFLINE"] = "true"  # should Selenium look for a browser, then not in the Internet

from celery import Celery
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

flower, broker, node, folder = sys.argv[1:5]
secret = urlsplit(broker).password
shots = sys.argv[5] if len(sys.argv) > 5 else ""
app = Celery("tasks", broker=broker)
seen = {}

# Keeps the text of each of Flower's alerts, which go away by themselves, over the reloads of its task page.
KEEP_ALERTS = """
new MutationObserver(changes => {
  for (const node of changes.flatMap(c => [...c.addedNodes]))
    if (node.classList && node.classList.contains('toast')) {
      const kept = JSON.parse(sessionStorage.alerts || '[]');
      kept.push([/text-bg-(\\w+)/.exec(node.className)[1], node.textContent.trim()]);
      sessionStorage.alerts = JSON.stringify(kept);
    }
}).observe(document, {childList: true, subtree: true});
"""
# The tables that can be seen inside an element: caption and rows of cells.
TABLES = """
const text = e => e.innerText.trim().replace(/\\s+/g, ' ');
return [...document.querySelectorAll(arguments[0] + ' table')].filter(t => t.offsetParent).map(
  t => [t.caption ? text(t.caption) : '', [...t.rows].map(r => [...r.cells].map(text))]);
"""
# Terms and values of a task's page.
TERMS = """
return [...document.querySelectorAll('#task-page .detail-row')].map(
  r => [r.querySelector('dt').innerText.trim(), r.querySelector('dd').innerText.trim()]);
"""


def start():
    options = webdriver.ChromeOptions()
    options.binary_location = os.environ["CHROMIUM"]
    for argument in (
        "--headless=new",
        "--no-sandbox",  # not to be had as root, nor in most containers
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--no-first-run",
        "--no-proxy-server",
        "--disable-background-networking",
        "--disable-component-update",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--force-prefers-reduced-motion",  # no animation to wait for
        "--window-size=1280,1300",
        "--user-data-dir=" + os.path.join(folder, "chromium"),
    ):
        options.add_argument(argument)
    chromium = wait("Chromium to start", lambda: launch(options))
    chromium.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": KEEP_ALERTS})
    return chromium


def launch(options):
    try:
        return webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=os.environ["CHROMEDRIVER"]))
    except WebDriverException as e:  # another program has taken the port that was free a moment ago
        print(e, file=sys.stderr)


def wait(what, condition):
    end = time.monotonic() + 300
    while not (value := condition()):
        assert time.monotonic() < end, "waited in vain for " + (what() if callable(what) else what)
        time.sleep(0.03)
    return value


def api(path):
    try:
        with urllib.request.urlopen(flower + path, timeout=120) as r:
            return json.load(r)
    except urllib.error.HTTPError:
        return {}


def events(kind, task):
    """How many events of a kind Flower has heard for the tasks of a name. Unlike api(), the question leaves no trace: what
    Flower is asked about a task, it keeps the parent it had at that moment."""
    with urllib.request.urlopen(flower + "/metrics", timeout=120) as r:
        lines = r.read().decode().splitlines()
    labels = f'{{task="tasks.{task}",type="task-{kind}",'
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("flower_events_total" + labels))


def states(**want):
    """Waits until Flower knows the tasks in these states."""
    for task, state in want.items():
        info = {}
        wait(lambda: f"{task} to be {state}: {info}", lambda: info.update(api("/api/task/info/" + task.replace("_", "-"))) or info.get("state") == state)


def send(name, task_id, *args, **options):
    app.send_task("tasks." + name, args, task_id=task_id, **options)


def js(script, *args):
    return browser.execute_script(script, *args)


def text(selector):
    return js("const e = document.querySelector(arguments[0]); return e && e.innerText.trim()", selector)


def visit(path):
    browser.get(flower + path)
    assert secret not in browser.page_source, f"{path} shows the broker's password"


def picture(name):
    if shots:
        os.makedirs(shots, exist_ok=True)
        browser.save_screenshot(os.path.join(shots, name + ".png"))


def click(selector):
    """Clicks as soon as the element can be clicked."""

    def try_it():
        try:
            element = browser.find_element(By.CSS_SELECTOR, selector)
            js("arguments[0].scrollIntoView({block: 'center'})", element)
            element.click()
            return True
        except WebDriverException as e:  # not there yet, hidden, behind an alert
            try_it.last = e
            return False

    wait(f"a click on {selector}", try_it)


def fill(selector, value):
    field = browser.find_element(By.CSS_SELECTOR, selector)
    field.clear()
    field.send_keys(value)
    return field


def press(name, selector):
    """Clicks a button and notes the alert that Flower shows."""
    js("sessionStorage.removeItem('alerts')")
    click(selector)
    seen["alert / " + name] = json.loads(wait(f"the alert of {name}", lambda: js("return sessionStorage.alerts")))


def quoted(name):
    """A selector of an id with dots in it."""
    return f'[id="{name}"]'


def plain(value):
    """Takes out of a value what differs from run to run."""
    value = value.replace(folder, "FOLDER")
    value = re.sub(r"clock:\d+", "clock:N", value)
    value = re.sub(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?( UTC|\+00:00)?", "TIME", value)
    value = re.sub(rf"\b{urlsplit(broker).port}\b", "PORT", value)
    return re.sub(r"\b\d+(\.\d+)? m?s\b", "DURATION", value)


def either(value):
    """The state of a task that waits for its retry: its worker may send task-received before task-retried or after."""
    return re.sub(r"\b(RETRY|RECEIVED)\b", "RETRY or RECEIVED", value)


def number(value):
    return re.sub(r"\d+(\.\d+)?", "N", value)


def open_tab(tab):
    click("#worker-tab-" + tab)
    wait(f"the tab {tab}", lambda: js("return document.querySelector(arguments[0]) !== null", f"#tab-{tab}.active.show"))


def refreshed(condition=lambda: True):
    """The worker's page with what the worker says now, by the button Refresh."""

    def once():
        visit("/worker/" + node)
        click("#worker-group")
        press("refresh", "#worker-refresh")
        visit("/worker/" + node)
        return condition()

    return wait("the worker's page", once)


# Tables with a row for each thing; all others have rows of a name and a value.
LISTS = {"Active queues", "Active tasks", "Scheduled tasks", "Reserved tasks", "Revoked tasks", "Task limits"}
VARIES = {"Worker PID", "Processes", "Port", "Writes", "Load Average", "Clock"}


def note_tab(tab, page="worker"):
    open_tab(tab)
    for caption, rows in js(TABLES, "#tab-" + tab):
        key = f"{page} / {tab} / {caption}"
        if caption in LISTS:
            seen[key] = rows[:1] + sorted([plain(c) for c in row] for row in rows[1:])
            if caption == "Active tasks":
                seen[key] = [row[:3] + [number(row[3])] + row[4:] if row[3].isdigit() else row for row in seen[key]]
            continue
        for name, value in rows:
            seen[f"{key} / {name}"] = number(plain(value)) if name in VARIES or tab in ("system", "other") else plain(value)
    picture(f"{page}-{tab}")


def queue_names():
    open_tab("queues")
    return sorted(row[0] for row in js(TABLES, "#tab-queues")[0][1][1:])


def listed(caption):
    open_tab("tasks")
    return dict(js(TABLES, "#tab-tasks"))[caption][1:]


def pool_value(name):
    return dict(js(TABLES, "#tab-pool")[0][1])[name]


def task_rows():
    """The rendered rows of the table of tasks, once it has loaded."""
    wait("the table of tasks", lambda: js("return document.querySelector('#tasks-table_processing').style.display === 'none'"))
    return js("return [...document.querySelectorAll('#tasks-table tbody tr')].map(r => [...r.cells].map(c => c.innerText.trim()))")


def task_table(name, condition):
    """Notes the table of tasks as soon as a condition on its column of ids holds."""
    rows = wait(f"the tasks {name}", lambda: (r := task_rows()) and condition([x[1] for x in r if len(x) > 1]) and r)
    seen[f"tasks / {name}"] = sorted([either(plain(c)) if row[1] == "later-1" else plain(c) for c in row] for row in rows)
    seen[f"tasks / {name} / info"] = text("#tasks-table_info")
    picture("tasks-" + name)


def note_task(task, name=""):
    visit("/task/" + task)
    for term, value in js(TERMS):
        if term == "Traceback":  # the frames are each language's own
            lines = value.splitlines()
            value = "\n".join([lines[0], lines[-1]])
        if term in ("Clock", "Rejected"):
            value = number(value)
        if task == "later-1":
            value = either(value)
        seen[f"task {name or task} / {term}"] = plain(value)
    seen[f"task {name or task} / buttons"] = js("return [...document.querySelectorAll('.detail-actions button')].map(b => b.innerText.trim())")
    picture("task-" + (name or task))


def dashboard(name, condition):
    """Notes the list of workers, which loads itself again each second, as soon as a condition on its row holds."""
    cells = "return [...document.querySelectorAll('#workers-table tbody tr')].map(r => [...r.cells].map(c => c.innerText.trim()))"
    visit("/")
    rows = wait(f"the list of workers {name}", lambda: (r := js(cells)) and len(r[0]) > 6 and condition(r[0]) and r)
    seen[f"workers / {name}"] = [[*row[:6], number(" ".join(row[6].split()))] for row in rows]
    seen[f"workers / {name} / cards"] = [text("#workers-" + c) for c in ("online", "active", "succeeded", "failed")]
    seen[f"workers / {name} / total"] = js("return [...document.querySelectorAll('.dataTables_scrollFoot th')].map(c => c.innerText.trim())")
    picture("workers-" + name)


def work():
    """Gives the worker a task of each kind: ended ones first, then some that run, wait and are held back."""
    send("add", "add-1", 2)
    send("add", "add-2", 2, kwargs={"y": 5})
    send("fail", "fail-1", "no <field> called é")
    send("again", "again-1")
    send("later", "later-1")
    send("parent", "parent-1", "child-1")
    send("refuse", "refuse-1")
    send("add", "expired-1", 3, expires=datetime.now(timezone.utc) - timedelta(minutes=1))
    send("limited", "limited-1", 1)
    wait("the end of the retried task", lambda: events("succeeded", "again"))
    wait("the retried task to be held for its time", lambda: events("retried", "later") and events("received", "later") == 2)
    states(add_1="SUCCESS", add_2="SUCCESS", fail_1="FAILURE", again_1="SUCCESS", parent_1="SUCCESS", child_1="SUCCESS")
    wait("the rejected task", lambda: api("/api/task/info/refuse-1").get("rejected"))
    states(expired_1="REVOKED", limited_1="SUCCESS")
    send("add", "eta-1", 7, eta=datetime.now(timezone.utc) + timedelta(minutes=10))
    send("limited", "limited-2", 2)
    send("hold", "hold-1", os.path.join(folder, "never"))
    send("hold", "hold-2", os.path.join(folder, "gate"))
    states(eta_1="RECEIVED", limited_2="RECEIVED", hold_1="STARTED", hold_2="STARTED")
    send("add", "reserved-1", 8)
    states(reserved_1="RECEIVED")


def hold(name, n, running):
    """Sends n tasks that wait, sees some of them run at once, and lets all end."""
    tasks = [f"{name}-{i}" for i in range(n)]
    gate = os.path.join(folder, "gate-" + name)
    for task in tasks:
        send("hold", task, gate)
    known = lambda: [api("/api/task/info/" + task).get("state") for task in tasks]
    wait(f"{running} of {n} tasks {name} to run", lambda: sorted(map(str, known())) == ["RECEIVED"] * (n - running) + ["STARTED"] * running)
    refreshed(lambda: len(listed("Active tasks")) == running)
    open(gate, "w").close()
    wait(f"the end of the tasks {name}", lambda: known() == ["SUCCESS"] * n)


def look():
    dashboard("busy", lambda row: row[2] == "2")
    refreshed()
    for tab in js("return [...document.querySelectorAll('.worker-tabs-nav a')].map(a => a.id.replace('worker-tab-', ''))"):
        note_tab(tab)
        seen.setdefault("worker / tabs", []).append(tab)

    visit("/tasks")
    task_table("newest first", lambda ids: len(ids) == 15)
    click(".dataTables_scrollHead th[data-column=name], #tasks-table_wrapper th[data-column=name]")
    seen["tasks / by name"] = sorted(wait("the order by name", lambda: (r := [x[0] for x in task_rows()]) == sorted(r) and r))
    for state, n in (("SUCCESS", 6), ("FAILURE", 2), ("STARTED", 2)):
        click(f".task-state-filter[data-task-state={state}]")
        task_table(state, lambda ids: len(ids) == n)
    click(".task-state-filter[data-task-state='']")
    search = fill("#tasks-table_filter input", "args:called")
    task_table("searched", lambda ids: ids == ["fail-1"])
    search.send_keys(Keys.CONTROL, "a")
    search.send_keys("name:tasks.later")
    task_table("searched by name", lambda ids: ids == ["later-1"])
    click("#tasks-table a[href$='/task/later-1']")
    wait("the task's page", lambda: text("#task-page .task-uuid-value code") == "later-1")
    for task in ("add-1", "add-2", "fail-1", "again-1", "later-1", "parent-1", "child-1", "refuse-1", "expired-1", "limited-2", "eta-1", "hold-1", "reserved-1"):
        note_task(task)

    visit("/broker")
    seen["broker"] = js("return [...document.querySelectorAll('#queue-table tr')].map(r => [...r.cells].map(c => c.innerText.trim()))")
    picture("broker")


def buttons():
    for task in ("eta-1", "limited-2"):
        visit("/task/" + task)
        press("revoke " + task, "#task-revoke")
    visit("/task/hold-1")
    press("terminate", "#task-terminate")
    states(hold_1="REVOKED")
    note_task("hold-1", "terminated")
    open(os.path.join(folder, "gate"), "w").close()
    states(hold_2="SUCCESS", reserved_1="SUCCESS")

    refreshed(lambda: not listed("Active tasks"))
    note_tab("tasks", "worker after the end")
    open_tab("pool")
    fill("#pool-size", "2")
    press("grow", "#worker-pool-grow")
    refreshed()
    open_tab("pool")
    seen["concurrency after growing"] = pool_value("Max concurrency")
    hold("grown", 4, running=4)
    open_tab("pool")
    fill("#pool-size", "2")
    press("shrink", "#worker-pool-shrink")
    refreshed()
    open_tab("pool")
    seen["concurrency after shrinking"] = pool_value("Max concurrency")
    hold("shrunk", 3, running=2)
    open_tab("pool")
    fill("#min-autoscale", "1")
    fill("#max-autoscale", "4")
    press("autoscale", "#worker-pool-autoscale")
    picture("alert-autoscale")

    open_tab("queues")
    fill("#add-consumer-name", "second")
    press("add consumer", "#worker-add-consumer")
    refreshed(lambda: "second" in queue_names())
    note_tab("queues", "worker with a second queue")
    send("add", "second-1", 1, queue="second")
    states(second_1="SUCCESS")
    note_task("second-1")
    refreshed()
    open_tab("queues")
    press("cancel consumer", quoted("worker-cancel-consumer-second"))
    refreshed(lambda: "second" not in queue_names())
    note_tab("queues", "worker without it")

    open_tab("limits")
    row = "//tbody[@id='limits-table']/tr[td[1][starts-with(., '%s')]]//input[starts-with(@aria-label, '%s')]"

    def limit(task, field, value):
        element = browser.find_element(By.XPATH, row % (task, field))
        element.clear()
        element.send_keys(value)

    limit("tasks.add", "Rate", "1")
    press("rate limit", quoted("task-rate-limit-tasks.add"))
    send("add", "limited-3", 1)
    send("add", "limited-4", 1)
    states(limited_3="SUCCESS", limited_4="SUCCESS")
    seen["one a second"] = api("/api/task/info/limited-4")["started"] - api("/api/task/info/limited-3")["received"] > 0.9
    # Shown, and for the tasks of a Go worker in force; Celery's pool goes on with the limits that it was started with.
    limit("tasks.hold", "Timeout", "1000")
    press("soft time limit", quoted("task-timeout-soft-tasks.hold"))
    refreshed()
    note_tab("limits", "worker with limits")
    limit("tasks.hold", "Timeout", "2000")
    press("hard time limit", quoted("task-timeout-hard-tasks.hold"))
    refreshed()
    note_tab("limits", "worker with a hard limit")

    visit("/worker/" + node)
    click("#worker-group")
    press("restart pool", "#worker-pool-restart")
    send("fail", "restarted-1", "after the restart")
    states(restarted_1="FAILURE")
    click("#worker-group")
    press("refresh all", "#worker-refresh-all")
    click("#worker-group")
    press("shut down", "#worker-shutdown")
    picture("alert-shutdown")
    dashboard("offline", lambda row: row[1] == "Offline")
    visit("/tasks?state=SUCCESS")
    task_table("in the end", lambda ids: len(ids) > 8)


wait("Flower to know the worker", lambda: node in api("/api/workers?refresh=1"))
browser = start()
try:
    work()
    look()
    buttons()
except Exception:
    picture("failed")
    raise
finally:
    browser.quit()
print(json.dumps(seen))
