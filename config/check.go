package config

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Severity orders findings.
type Severity int

// The severities of a Finding.
const (
	Note    Severity = iota // worth knowing
	Warning                 // may go wrong, or wastes something
	Error                   // will go wrong
)

func (s Severity) String() string { return [...]string{"note", "warning", "error"}[s] }

// Finding is one thing that Check found, with its mend.
type Finding struct {
	Severity Severity
	Setting  string // the setting concerned, "" if none in particular
	Msg      string // what is wrong
	Mend     string // what to do about it
}

// String is one line: severity: SETTING message; mend.
func (f Finding) String() string {
	s := f.Severity.String() + ": "
	if f.Setting != "" {
		s += f.Setting + " "
	}
	s += f.Msg
	if f.Mend != "" {
		s += "; " + f.Mend
	}
	return s
}

// BrokerState is what a broker says of itself.
type BrokerState struct {
	Time      time.Time // its clock (TIME); zero if it was not asked
	Version   string    // redis_version, "" if unknown
	Eviction  string    // maxmemory_policy, "" if unknown
	MaxMemory int64     // bytes, 0 for no limit
	Protected bool      // asks for a password
}

// Probe is how Check reaches what is outside the settings. A nil function is not asked.
type Probe struct {
	// Broker connects to a broker or result backend and asks for its state.
	Broker func(ctx context.Context, url string) (BrokerState, error)
	// List tells whether there is any object under a path. A missing folder or bucket is fs.ErrNotExist, a
	// refusal fs.ErrPermission.
	List func(ctx context.Context, path, profile string) (bool, error)
	// Write writes a small object under a path and removes it again.
	Write func(ctx context.Context, path, profile string) error
	// DiskFree returns the bytes that this user can still write in a folder.
	DiskFree func(dir string) (int64, error)
	// FilesFree returns how many more files its file system can have.
	FilesFree func(dir string) (int64, error)
	// Memory returns the bytes of memory that the program may take and whose word that is (GOMEMLIMIT, say); 0
	// if nobody says.
	Memory func() (limit int64, of string)
	// OpenFiles returns the limit on open files.
	OpenFiles func() (int64, error)
	// Mode returns the permission bits of a file, false if there is none.
	Mode func(file string) (mode uint32, exists bool)
	// Now is this machine's clock. Default: time.Now.
	Now func() time.Time
	// Environ lists the variables as NAME=value, to find misspelt ones.
	Environ []string
	// TempDir is the folder for temporary files.
	TempDir string
	// Concurrency is the number of tasks at a time, for the room that they need. Default 1.
	Concurrency int
}

// Check looks for mistakes before a long run: in what Load reported, in the settings among each other, and,
// as far as the probe goes, in what they name. The worst come first, else in the order of the settings.
func Check(ctx context.Context, c *Config, loadErr error, p Probe) []Finding {
	if p.Now == nil {
		p.Now = time.Now
	}
	k := &checker{c: c, p: p}
	k.load(loadErr)
	k.required()
	k.names()
	k.axis()
	k.grid()
	k.paths()
	k.urls()
	k.secrets()
	k.broker(ctx)
	k.storage(ctx)
	k.machine()
	order := map[string]int{}
	for i, s := range Settings() {
		order[s.Name] = i + 1
	}
	slices.SortStableFunc(k.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(order[a.Setting], order[b.Setting]))
	})
	return k.found
}

// checker collects findings.
type checker struct {
	c     *Config
	p     Probe
	found []Finding

	unread bool // config.py could not be read as a whole
}

func (k *checker) add(s Severity, setting, mend, format string, args ...any) {
	k.found = append(k.found, Finding{Severity: s, Setting: setting, Msg: fmt.Sprintf(format, args...), Mend: mend})
}

// load turns faults and notes into findings.
func (k *checker) load(err error) {
	if faults, ok := err.(Faults); ok {
		for _, f := range faults {
			k.unread = k.unread || f.Setting == "" && f.File != "" && filepath.Base(f.File) == filepath.Base(k.c.File)
			k.found = append(k.found, asFinding(Error, f))
		}
	} else if err != nil {
		k.add(Error, "", "", "%v", err)
	}
	for _, f := range k.c.Notes {
		k.found = append(k.found, asFinding(Warning, f))
	}
	if k.c.File == "" {
		k.add(Note, "", "start healpipe in the folder of the scripts, or give all settings by flag or environment", "there is no config.py in %s", k.c.Dir)
	}
}

// asFinding keeps the place of a fault in its message.
func asFinding(s Severity, f *Fault) Finding {
	out := Finding{Severity: s, Setting: f.Setting, Msg: f.Msg, Mend: f.Mend}
	if name := settingOf(f.Setting); name != f.Setting {
		out.Setting, out.Msg = name, "("+f.Setting+") "+f.Msg
	}
	if f.File != "" {
		out.Msg += " (" + f.File
		if f.Line > 0 {
			out.Msg += fmt.Sprintf(":%d:%d", f.Line, f.Col)
		}
		out.Msg += ")"
	}
	return out
}

// settingOf is the name in config.py of what a flag, variable or older name sets.
func settingOf(given string) string {
	for _, s := range Settings() {
		if given != "" && (slices.Contains(s.Aliases, given) || given == "--"+s.Flag || slices.Contains(s.Env, given)) {
			return s.Name
		}
	}
	return given
}

// faulty tells whether a setting has a finding of its own already, so that what follows from it is not said.
func (k *checker) faulty(names ...string) bool {
	return slices.ContainsFunc(k.found, func(f Finding) bool {
		return f.Severity == Error && slices.Contains(names, f.Setting)
	})
}

func (k *checker) required() {
	if k.unread {
		return // the file may have them
	}
	for _, name := range []string{"ERA5_ROOTS", "OUTPUT_BUCKET", "ZARR_PATH", "CELERY_BROKER"} {
		if k.faulty(name) {
			continue
		}
		if faults, ok := k.c.Require(name).(Faults); ok {
			k.found = append(k.found, asFinding(Error, faults[0]))
		}
	}
}

// names finds misspelt variables and names of config.py.
func (k *checker) names() {
	var known []string
	for _, s := range Settings() {
		known = append(known, s.Name)
	}
	for _, pair := range k.p.Environ {
		name, _, _ := strings.Cut(pair, "=")
		rest, ok := strings.CutPrefix(name, "HEALPIPE_")
		if !ok || slices.Contains(known, rest) {
			continue
		}
		if like := nearest(rest, known); like != "" {
			k.add(Warning, "", "rename it to HEALPIPE_"+like, "the variable %s names no setting", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(k.c.module.values)) {
		if lookup(name) != nil || strings.HasPrefix(name, "_") {
			continue
		}
		if like := nearest(name, known); like != "" && k.c.Origin(like).Kind == FromDefault {
			k.add(Warning, "", "rename it to "+like, "the name %s in config.py is no setting", name)
		}
	}
}

// nearest returns the known name that differs by at most two letters, "" if there is none.
func nearest(name string, known []string) string {
	best, like := 3, ""
	for _, k := range known {
		if d := distance(strings.ToUpper(name), k); d < best {
			best, like = d, k
		}
	}
	return like
}

// distance counts the letters to insert, remove or replace (Levenshtein).
func distance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
