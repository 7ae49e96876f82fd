package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// Options say where to look. The zero value looks in the working directory and the process's environment.
type Options struct {
	// Dir has config.py and .env. Default: the working directory.
	Dir string
	// AppName is the value of Celery's -A: for "site.tasks", config.py may lie in the folder site.
	AppName string
	// Flags are the flags that were given: name of the setting in config.py -> text.
	Flags map[string]string
	// Env looks a variable up. Default: os.LookupEnv.
	Env func(name string) (string, bool)
}

// maxSource bounds config.py, .env and rclone.conf, which are some kilobytes.
const maxSource = 4 << 20

// Load collects the settings. The error, if any, is [Faults]: everything that is wrong in one go. The
// Config returned beside it has what could be read, for `healpipe doctor`.
func Load(o Options) (*Config, error) {
	l := &loader{opts: o, env: o.Env}
	if l.env == nil {
		l.env = os.LookupEnv
	}
	return l.load()
}

// loader is the state of one Load.
type loader struct {
	opts   Options
	env    func(string) (string, bool)
	dotenv dotenvFile
	faults Faults
}

func (l *loader) load() (*Config, error) {
	c := &Config{module: &module{}, origins: map[string]Origin{}, DotEnv: map[string]string{}}
	dir, err := filepath.Abs(l.opts.Dir)
	if err != nil {
		return c, Faults{{Msg: err.Error(), Err: err}}
	}
	c.Dir = dir
	l.readDotEnv(c)
	module := l.readModule(c)
	c.module = module
	l.faults.add(module.fatal...)
	c.Notes.add(module.notes...)

	for _, s := range Settings() {
		l.settle(c, &s, module)
	}
	l.readProfiles(c)
	return c, l.faults.named().orNil()
}

// readDotEnv loads the .env beside config.py; a variable of the process wins over it.
func (l *loader) readDotEnv(c *Config) {
	name := filepath.Join(c.Dir, ".env")
	text, err := readBounded(name)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		l.faults.add(&Fault{File: ".env", Msg: "cannot be read: " + err.Error(), Mend: "make it readable for this user or remove it", Err: err})
		return
	}
	f, notes := parseDotEnv(".env", string(text), l.env)
	c.Notes.add(notes...)
	l.dotenv = f
	for _, e := range f.entries {
		if _, set := l.env(e.name); !set {
			c.DotEnv[e.name] = e.value
		}
	}
}

// readModule runs config.py, of the folder or of the application's package.
func (l *loader) readModule(c *Config) *module {
	names := []string{"config.py"}
	if pkg, _, ok := cutLast(l.opts.AppName, "."); ok {
		names = append(names, filepath.Join(strings.ReplaceAll(pkg, ".", string(filepath.Separator)), "config.py"))
	}
	for _, name := range names {
		full := filepath.Join(c.Dir, name)
		text, err := readBounded(full)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			l.faults.add(&Fault{File: name, Msg: "cannot be read: " + err.Error(), Mend: "make it readable for this user", Err: err})
			return &module{}
		}
		c.File = full
		m := runModule(moduleSource{name: name, path: full, text: string(text), lookup: l.lookup(c), loaded: c.DotEnv})
		return m
	}
	return &module{}
}

// lookup is os.environ as config.py sees it: the process's variables, then those of .env.
func (l *loader) lookup(c *Config) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if v, ok := l.env(name); ok {
			return v, true
		}
		v, ok := c.DotEnv[name]
		return v, ok
	}
}

// settle gives one setting its value from the first place that has it.
func (l *loader) settle(c *Config, s *Setting, m *module) {
	if text, ok := l.opts.Flags[s.Name]; ok {
		l.accept(c, s, Origin{FromFlag, "--" + s.Flag}, text, &Fault{Setting: "--" + s.Flag})
		return
	}
	for _, name := range s.Env {
		if text, ok := l.env(name); ok {
			l.accept(c, s, Origin{FromEnv, name}, text, &Fault{Setting: name})
			return
		}
	}
	for _, name := range s.Env {
		if v, ok := l.dotenvValue(c, name); ok {
			l.accept(c, s, Origin{FromDotEnv, name}, v.value, &Fault{File: v.file, Line: v.line, Col: v.col, Setting: name})
			return
		}
	}
	names := append([]string{s.Name}, s.Aliases...)
	for i, name := range names {
		v, ok := m.values[name]
		if !ok {
			continue
		}
		if v.fault != nil {
			f := *v.fault
			f.Setting, f.Mend = name, s.mend(f.Mend)
			l.faults.add(&f)
			return
		}
		for _, other := range names[i+1:] {
			if older, both := m.values[other]; both && older.fault == nil && !reflect.DeepEqual(older.value, v.value) {
				c.Notes.add(&Fault{File: m.name, Line: older.line, Col: older.col, Setting: other, Msg: "differs from " + name + ", which counts", Mend: "remove one of the two"})
			}
		}
		c.origins[s.Name] = Origin{FromFile, v.at(m.name)}
		if err := s.store(c, v.value); err != nil {
			l.faults.add(&Fault{File: m.name, Line: v.line, Col: v.col, Setting: name, Msg: err.Error(), Mend: s.mend("")})
		}
		return
	}
	if s.Default != "" {
		v, err := s.parse(s.Default)
		if err == nil {
			err = s.store(c, v)
		}
		if err != nil {
			l.faults.add(&Fault{Setting: s.Name, Msg: "default: " + err.Error()})
		}
	}
	c.origins[s.Name] = Origin{Kind: FromDefault}
	if s.Name != "RESULT_BACKEND" { // which most files do without
		// The file may have had it: its fault explains more than the missing value.
		l.faults.add(m.broken...)
	}
}

// accept takes a setting from text; fault has the place for what may be wrong.
func (l *loader) accept(c *Config, s *Setting, from Origin, text string, fault *Fault) {
	c.origins[s.Name] = from
	v, err := s.parse(text)
	if err == nil {
		err = s.store(c, v)
	}
	if err != nil {
		fault.Msg = err.Error()
		if s.Default != "" {
			fault.Mend = "give for example " + s.Default
		}
		l.faults.add(fault)
	}
}

func (l *loader) dotenvValue(c *Config, name string) (dotenvEntry, bool) {
	for i := len(l.dotenv.entries) - 1; i >= 0; i-- {
		if e := l.dotenv.entries[i]; e.name == name {
			return e, true
		}
	}
	// A file that config.py loaded by itself.
	v, ok := c.DotEnv[name]
	return dotenvEntry{name: name, value: v, file: "load_dotenv()"}, ok
}

// mend says what to write in config.py, after a more special advice if there is one.
func (s *Setting) mend(special string) string {
	if special == "" {
		special = "write " + s.Example
	}
	return special + ", " + s.otherwise()
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// readBounded reads a small file whole and refuses a large one.
func readBounded(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("is a folder")}
	}
	if info.Size() > maxSource {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("is larger than 4 MB")}
	}
	return os.ReadFile(name)
}
