d = {"host": "h", 'deep': {"k": [1, 2, 3]}}
CELERY_BROKER = f"redis://{d['host']}:{d['deep']['k'][-1]}/0"
ZARR_PATH = f'{d["host"]}/{", ".join(str(x) for x in d["deep"]["k"])}'
OUTPUT_BUCKET = f"""{
    d["host"]
}/{'x'}"""
ERA5_ROOTS = ['it\'s', "say \"it\"", '''a'b"c''', """a'b"c""", r'C:\data\n', 'tab\there', '\x41\u00e9\U0001F600\101', 'line \
goes on', "a" 'b' """c""", u"u", R"\raw"]
ERA5_PROFILE = f"{'}'}{'{'}"
