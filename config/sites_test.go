package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"healpipe/internal/testenv"
)

// pythonSites runs files as `import config` does and prints, for each, its settings as the script of
// samePython prints them.
const pythonSites = `
import datetime, json, os, pathlib, sys
import numpy as np
import pandas as pd

def plain(x):
    if isinstance(x, pd.DatetimeIndex):
        step = (x[1] - x[0]).total_seconds() if len(x) > 1 else 0.0
        return f"{len(x)} {x[0] if len(x) else ''} {step:g}"
    if isinstance(x, np.datetime64):
        x = pd.Timestamp(x)
    if isinstance(x, (datetime.datetime, pd.Timestamp)):
        return str(x).replace("+00:00", "")
    if isinstance(x, (list, tuple)):
        return [plain(e) for e in x]
    return str(x)

asked = json.load(open(sys.argv[1]))
out, stdout = [], sys.stdout
sys.stdout = sys.stderr
for file in asked["files"]:
    os.environ.clear()
    os.environ.update(asked["environment"])
    names = {"__name__": "config", "__file__": "/site/config.py"}
    exec(compile(open(file).read(), file, "exec"), names)
    out.append({n: plain(names[n]) for n in asked["settings"] if n in names})
json.dump(out, stdout)
`

// TestSitesAsPython has files as sites write them: each setting has the value that it has in Python, without a note.
func TestSitesAsPython(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "understood", "*.py"))
	if err != nil || len(files) < 30 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	vars := map[string]string{"HOME": "/home/era5", "PATH": os.Getenv("PATH")}
	asked := map[string]any{"environment": vars}
	var full, settings []string
	for _, f := range files {
		name, err := filepath.Abs(f)
		if err != nil {
			t.Fatal(err)
		}
		full = append(full, name)
	}
	for _, s := range Settings() {
		settings = append(settings, s.Name)
	}
	asked["files"], asked["settings"] = full, settings
	in, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	question := filepath.Join(t.TempDir(), "question.json")
	if err := os.WriteFile(question, in, 0o600); err != nil {
		t.Fatal(err)
	}
	var want []map[string]any
	if err := json.Unmarshal([]byte(testenv.RunPython(t, pythonSites, question)), &want); err != nil {
		t.Fatal(err)
	}
	lookup := func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
	compared := 0
	for i, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := runModule(moduleSource{name: "config.py", path: "/site/config.py", text: string(text), lookup: lookup})
		for _, f := range append(append(m.broken, m.fatal...), m.notes...) {
			t.Errorf("%s: %v", file, f)
		}
		for name, value := range want[i] {
			compared++
			v := m.values[name]
			if v.fault != nil {
				t.Errorf("%s: %s: %v", file, name, v.fault)
			} else if got, want := fmt.Sprint(asPython(v.value)), fmt.Sprint(value); got != want {
				t.Errorf("%s: %s\n  got  %s\n  want %s", file, name, got, want)
			}
		}
	}
	t.Logf("%d settings in %d files", compared, len(files))
}

// TestSitesRefused has what no Starlark stands for: each message names the place and what to do instead.
func TestSitesRefused(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	const otherwise = ", or set --zarr-path or HEALPIPE_ZARR_PATH"
	for _, tt := range []struct{ code, want string }{
		{"with open('store.txt') as f:\n    ZARR_PATH = f.read()\n", "config.py:1:1: ZARR_PATH the statement with is not read; write the values themselves OTHERWISE"},
		{"ZARR_PATH = open('store.txt').read().strip()\n", "config.py:1:17: ZARR_PATH other files are not read; write the values themselves OTHERWISE"},
		{"import yaml\nZARR_PATH = yaml.safe_load(open('site.yaml'))['store']\n", "config.py:2:32: ZARR_PATH other files are not read; write the values themselves OTHERWISE"},
		{"import json\nZARR_PATH = json.load(open('site.json'))['store']\n", "config.py:2:17: ZARR_PATH json.load is not known here; write the value itself OTHERWISE"},
		{"import configparser\nini = configparser.ConfigParser()\nini.read('site.ini')\nZARR_PATH = ini['store']['path']\n", "config.py:2:32: ZARR_PATH configparser.ConfigParser is not known here: no Python runs, and only pandas' dates, os, pathlib, datetime and dotenv are read; write the value itself OTHERWISE"},
		{"import subprocess\nZARR_PATH = subprocess.check_output(['pwd'], text=True).strip()\n", "config.py:2:36: ZARR_PATH subprocess.check_output is not known here: no Python runs, and only pandas' dates, os, pathlib, datetime and dotenv are read; write the value itself OTHERWISE"},
		{"from local_config import *\nLEVELS = 5\n", "config.py:1:1: only this file is read, not the names of local_config; write those settings in this file"},
		{"import beside\nZARR_PATH = beside.ZARR_PATH\n", "config.py:1:8: ZARR_PATH only this file is read, not beside.py; write those settings in this file OTHERWISE"},
		{"try:\n    from beside import ZARR_PATH\nexcept ImportError:\n    ZARR_PATH = 'silently another'\n", "config.py:2:24: ZARR_PATH only this file is read, not beside.py; write those settings in this file OTHERWISE"},
		{"try:\n    from beside import *\nexcept ImportError:\n    ZARR_PATH = 'silently another'\n", "config.py:2:5: only this file is read, not the names of beside; write those settings in this file"},
		{"class Site(Base):\n    store = 's'\nZARR_PATH = Site.store\n", "config.py:1:12: ZARR_PATH a class with a base is not read; write the values themselves OTHERWISE"},
		{"class Site:\n    def store(self):\n        return 's'\nZARR_PATH = Site().store()\n", "config.py:2:5: ZARR_PATH a class with methods is not read; write the values themselves OTHERWISE"},
		{"import enum\nclass Store(enum.Enum):\n    A = 's'\nZARR_PATH = Store.A.value\n", "config.py:2:13: ZARR_PATH a class with a base is not read; write the values themselves OTHERWISE"},
		{"def f():\n    global ZARR_PATH\n    ZARR_PATH = 'x'\nf()\n", "config.py:2:5: the statement global is not read; return the value from the function and assign it at the top"},
		{"def f():\n    yield 'x'\nZARR_PATH = list(f())[0]\n", "config.py:2:5: ZARR_PATH the statement yield is not read; return the value from the function and assign it at the top OTHERWISE"},
		{"ZARR_PATH = (x := 'a') if 0 or (y := 1) else 'b'\n", "config.py:1:35: ZARR_PATH an assignment within an expression is not read here; assign on a line of its own OTHERWISE"},
		{"async def f(): return 1\nZARR_PATH = f()\n", "config.py:1:1: ZARR_PATH the statement async is not read; write the values themselves OTHERWISE"},
		{"import glob\nZARR_PATH = sorted(glob.glob('*.zarr'))[-1]\n", "config.py:2:29: ZARR_PATH glob.glob is not known here: no Python runs, and only pandas' dates, os, pathlib, datetime and dotenv are read; write the value itself OTHERWISE"},
		{"from pathlib import Path\nZARR_PATH = Path('store.txt').read_text()\n", "config.py:2:30: ZARR_PATH other files and folders are not read; write the values themselves OTHERWISE"},
		{"ZARR_PATH = eval('1')\n", "config.py:1:13: ZARR_PATH the name eval is not known here; write ZARR_PATH = \"path/to/output.zarr\" OTHERWISE"},
		{"ZARR_PATH = 'a' 'b\n", "config.py:1:17: the text is not closed on its line; write ' at its end"},
		{"ZARR_PATH = f'{undefined}/x'\n", "config.py:1:16: ZARR_PATH the name undefined is not known here; write ZARR_PATH = \"path/to/output.zarr\" OTHERWISE"},
		{"import os\nZARR_PATH = os.environ['ERA5_STORE']\n", "config.py:2:23: ZARR_PATH KeyError: the variable ERA5_STORE is not set; set ERA5_STORE in the environment or in .env OTHERWISE"},
		{"import pandas as pd\nZARR_PATH = str(pd.date_range('2000', '2001', freq='D', tz='Europe/Berlin')[0])\n", "config.py:2:30: ZARR_PATH time zones are not read; leave tz out OTHERWISE"},
		{"import datetime\nZARR_PATH = f'{datetime.timedelta(hours=3)}.zarr'\n", "config.py:2:15: ZARR_PATH a length of time is not written as text here; write total_seconds() of it OTHERWISE"},
		{"import functools\nZARR_PATH = f'{functools.total_ordering}.zarr'\n", "config.py:2:25: ZARR_PATH functools.total_ordering is not known here; write the value itself OTHERWISE"},
		{"import yaml\nsite = yaml.load('x')\ntry:\n    ZARR_PATH = site['store']\nexcept Exception:\n    ZARR_PATH = 'silently another'\n", "config.py:2:17: ZARR_PATH yaml.load is not known here: no Python runs, and only pandas' dates, os, pathlib, datetime and dotenv are read; write the value itself OTHERWISE"},
		{"import yaml\nsite = yaml.load('x')\ntry:\n    ZARR_PATH = f'{site.store}/x'\nexcept Exception:\n    ZARR_PATH = 'silently another'\n", "config.py:2:17: ZARR_PATH yaml.load is not known here: no Python runs, and only pandas' dates, os, pathlib, datetime and dotenv are read; write the value itself OTHERWISE"},
		{"import yaml\nsite = yaml.load('x')\nZARR_PATH = 'a' if site else 'b'\n", "config.py:2:17: ZARR_PATH yaml.load is not known here: no Python runs, and only pandas' dates, os, pathlib, datetime and dotenv are read; write the value itself OTHERWISE"},
		{"import yaml\nsite = yaml.load('x')\nif not site:\n    ZARR_PATH = 'silently another'\nelse:\n    ZARR_PATH = 'x'\n", "config.py:2:17: ZARR_PATH yaml.load is not known here: no Python runs, and only pandas' dates, os, pathlib, datetime and dotenv are read; write the value itself OTHERWISE"},
		{"import yaml\nsite = yaml.load('x')\nZARR_PATH = 'a' if site == 'x' else 'b'\n", "config.py:2:17: ZARR_PATH yaml.load is not known here: no Python runs, and only pandas' dates, os, pathlib, datetime and dotenv are read; write the value itself OTHERWISE"},
		{"import yaml\nsite = yaml.load('x')\nROOTS = [site]\nZARR_PATH = 'x' + str(len(ROOTS)) + ROOTS[0]\n", "config.py:2:17: ZARR_PATH yaml.load is not known here: no Python runs, and only pandas' dates, os, pathlib, datetime and dotenv are read; write the value itself OTHERWISE"},
		{"ZARR_PATH = 3\n", "config.py:1:1: ZARR_PATH wants a text, not 3; write ZARR_PATH = \"path/to/output.zarr\" OTHERWISE"},
		{"print 'hello'\nLEVELS = 5\n", "ZARR_PATH is not set; write ZARR_PATH = \"path/to/output.zarr\" in config.py OTHERWISE"},
		{"if True:\nZARR_PATH = 'x'\n", "config.py:1:1: an indented block is missing; indent what belongs to this line"},
		{"ZARR_PATH = {'a': 1}['b']\n", "config.py:1:21: ZARR_PATH KeyError: key \"b\" not in dict; write ZARR_PATH = \"path/to/output.zarr\" OTHERWISE"},
		{"ZARR_PATH = 'store' + 5\n", "config.py:1:21: ZARR_PATH TypeError: unknown binary op: string + int; write ZARR_PATH = \"path/to/output.zarr\" OTHERWISE"},
	} {
		dir := site(t, map[string]string{"config.py": tt.code, "beside.py": "ZARR_PATH = 'x'\n"})
		c, err := Load(Options{Dir: dir, Env: environment("HOME="+home, "HEALPIPE_ERA5_ROOTS=a")})
		if err == nil {
			err = c.Require("ZARR_PATH")
		}
		got := strings.ReplaceAll(fmt.Sprint(err), otherwise, " OTHERWISE")
		if got != tt.want {
			t.Errorf("%s  got  %s\n  want %s", tt.code, got, tt.want)
		}
	}
}
