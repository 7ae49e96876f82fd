package cli

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"healpipe/celery"
	"healpipe/celery/kombu"
	"healpipe/config"
)

// celerySetting is a name of config.py that is a setting of Celery.
type celerySetting struct {
	config.Assigned
	setting string // its name in Celery's documentation
}

// celerySettings finds Celery's settings in config.py. Of a setting under two names the new one counts, as for Celery; one
// that could not be read and means nothing here (beat_schedule) is none.
func celerySettings(cfg *config.Config) []celerySetting {
	var out []celerySetting
	for _, a := range cfg.Assigned(func(name string) bool { n, _ := celery.SettingName(name); return n != "" }) {
		name, works := celery.SettingName(a.Name)
		if a.Fault == nil || works {
			out = append(out, celerySetting{a, name})
		}
	}
	return slices.DeleteFunc(out, func(s celerySetting) bool {
		return s.Name != s.setting && slices.ContainsFunc(out, func(o celerySetting) bool { return o.Name == s.setting })
	})
}

// celeryConfig gives an app the broker of the settings, and Celery's settings of config.py. The error is config.Faults.
func celeryConfig(cfg *config.Config, name string) (celery.Config, error) {
	conf := bareConfig(cfg, name)
	values, at := map[string]any{}, map[string]celerySetting{}
	var faults config.Faults
	for _, s := range celerySettings(cfg) {
		at[s.Name] = s
		if s.Fault != nil {
			f := *s.Fault
			f.Setting = s.Name
			faults = append(faults, &f)
			continue
		}
		values[s.Name] = celeryValue(s.Value, s.setting == "task_routes" || s.setting == "task_queues")
	}
	for _, err := range eachError(conf.ApplySettings(values)) {
		f := &config.Fault{Msg: err.Error(), Err: err}
		var refused *celery.SettingError
		if errors.As(err, &refused) {
			s := at[refused.Key]
			f = &config.Fault{File: s.File, Line: s.Line, Col: s.Col, Setting: refused.Key, Msg: refused.Err.Error(), Err: err}
		}
		faults = append(faults, f)
	}
	if len(faults) > 0 {
		slices.SortStableFunc(faults, func(a, b *config.Fault) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col)) })
		return conf, faults
	}
	return conf, nil
}

// bareConfig is celeryConfig without Celery's settings of config.py.
func bareConfig(cfg *config.Config, name string) celery.Config {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		name = name[i+1:]
	}
	return celery.Config{Name: name, Broker: cfg.CeleryBroker, ResultBackend: cfg.ResultBackend}
}

// eachError takes apart what errors.Join joined.
func eachError(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// celeryValue turns a value of config.py into one of ApplySettings; ordered keeps the order of dictionaries.
func celeryValue(v any, ordered bool) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = celeryValue(e, ordered)
		}
		return list
	case config.Dict:
		var o kombu.Object
		for _, item := range v {
			o = append(o, kombu.Member{Key: fmt.Sprint(item.Key), Value: celeryValue(item.Value, ordered)})
		}
		if ordered {
			return o
		}
		return o.Map()
	case time.Duration:
		if v%time.Second == 0 {
			return int64(v / time.Second)
		}
		return v.Seconds()
	}
	return v
}

// applyWords applies settings of the command line, NAMESPACE.KEY=VALUE behind "--", as `celery worker` takes them: _KEY is one of
// the worker's, (json) or another type may stand before the value.
func applyWords(conf *celery.Config, words []string) error {
	for _, w := range words {
		if err := applyWord(conf, w); err != nil {
			return usagef("Unable to parse extra configuration from command line.\nReason: %w", err)
		}
	}
	return nil
}

func applyWord(conf *celery.Config, word string) error {
	key, text, ok := strings.Cut(word, "=")
	if !ok {
		return fmt.Errorf("%q is not SETTING=VALUE", word)
	}
	key = strings.ReplaceAll(strings.ToLower(key), ".", "_")
	if strings.HasPrefix(key, "_") {
		key = "worker" + key
	}
	apply := func(v any) error { return conf.ApplySettings(map[string]any{key: v}) }
	if m := typedValue.FindStringSubmatch(text); m != nil {
		text = text[len(m[0]):]
		if m[1] == "string" || m[1] == "any" {
			return apply(text)
		}
	}
	// The setting decides what the text stands for.
	err := apply(text)
	if v, jsonErr := kombu.DecodeJSON([]byte(text)); err != nil && jsonErr == nil {
		err = apply(v)
	}
	if b, boolErr := parseBool(text); err != nil && boolErr == nil {
		err = apply(b)
	}
	return err
}

var typedValue = regexp.MustCompile(`^\((\w+)\)`)

// shownCelery lists Celery's settings of config.py that are in force: name, value with secrets as stars, place.
func shownCelery(cfg *config.Config, conf celery.Config) [][3]string {
	applied := conf.Applied()
	var rows [][3]string
	for _, s := range celerySettings(cfg) {
		if v, ok := applied[s.setting]; ok {
			rows = append(rows, [3]string{s.setting, celery.Repr(v), s.At()})
		}
	}
	return rows
}

// misspelt notes names of config.py that look like settings of Celery.
func misspelt(cfg *config.Config) config.Faults {
	var notes config.Faults
	looksLike := func(name string) bool {
		known, _ := celery.SettingName(name)
		return known == "" && slices.ContainsFunc([]string{"task_", "worker_", "broker_", "result_"}, func(p string) bool { return strings.HasPrefix(name, p) })
	}
	for _, a := range cfg.Assigned(looksLike) {
		var refused *celery.SettingError
		if err := new(celery.Config).ApplySettings(map[string]any{a.Name: nil}); errors.As(err, &refused) && refused.Like != "" {
			notes = append(notes, &config.Fault{File: a.File, Line: a.Line, Col: a.Col, Setting: a.Name, Msg: "is none of Celery's settings", Mend: "if " + refused.Like + " is meant, rename it"})
		}
	}
	return notes
}
