package config

import (
	"fmt"
	"strings"
	"time"
)

// Config is every setting of the pipeline. A text that is "" and a list that is empty were not set:
// commands ask for what they need with [Config.Require].
type Config struct {
	// Dir is the folder that was searched for config.py and .env, absolute.
	Dir string
	// File is the config.py that was read, "" if there is none.
	File string

	// TimeChunk is the number of steps of the time axis in a Zarr chunk. Default 24.
	TimeChunk int
	// TimeRange is the store's time axis. Default hourly from 1940 to 2100, both ends included.
	TimeRange TimeRange
	// StartTime is the epoch of the array `time`, UTC. Default 1900-01-01.
	StartTime time.Time
	// TimeUnits are the CF units of the array `time`. Default "minutes since 1900-1-1 0:0:0".
	TimeUnits string
	// Levels is the number of pressure levels. Default 37.
	Levels int
	// OutputLevel is the HEALPix level: nside is 2 to this power. Default 6.
	OutputLevel int

	// ERA5Roots are the input folders, or bucket/prefix with a profile.
	ERA5Roots []string
	// ERA5Profile names the profile that reaches them; "" means local folders.
	ERA5Profile string
	// OutputBucket is where regridded files go (OUTPUT_ROOT in older files).
	OutputBucket string
	// OutputProfile names the profile that lists OutputBucket. Writing uses ZarrProfile.
	OutputProfile string
	// ZarrPath is the store.
	ZarrPath string
	// ZarrProfile names the profile of the store and for writing regridded files.
	ZarrProfile string

	// StatisticsPath is where curating leaves statistics of each file, "" for none. ZarrProfile reaches it.
	StatisticsPath string

	// CeleryBroker is the broker's URL. It may hold a password: print it with [MaskURL].
	CeleryBroker string
	// ResultBackend is the result backend's URL, "" for none. It may hold a password.
	ResultBackend string

	// DotEnv are the variables of .env (and of files that config.py loads with load_dotenv) that the
	// environment does not have, as python-dotenv would add them.
	DotEnv map[string]string
	// RcloneFile is the rclone configuration file that profiles are read from, "" if there is none.
	RcloneFile string

	// Notes are findings that do not keep the pipeline from running, such as a line of .env that
	// python-dotenv skips too.
	Notes Faults

	module   *module // what config.py says
	origins  map[string]Origin
	profiles map[string]Profile
}

// NSide returns the HEALPix resolution parameter of OutputLevel.
func (c *Config) NSide() int { return 1 << c.OutputLevel }

// Cells returns the number of HEALPix cells of OutputLevel, 12 nside².
func (c *Config) Cells() int { return 12 << (2 * c.OutputLevel) }

// Origin tells where the setting with this name of config.py (such as "ZARR_PATH") came from.
func (c *Config) Origin(name string) Origin { return c.origins[name] }

// Profile returns the profile with this name; "" gives the zero Profile, which stands for local paths.
// Profiles that settings name were checked by [Load].
func (c *Config) Profile(name string) (Profile, error) {
	if name == "" {
		return Profile{}, nil
	}
	p, ok := c.profiles[name]
	if !ok {
		return Profile{}, fmt.Errorf("%w %q: %s has no section [%s]", ErrProfile, name, orWord(c.RcloneFile, "rclone.conf"), name)
	}
	return p, nil
}

// Require returns an error with a line for each of these settings that was not set.
func (c *Config) Require(names ...string) error {
	var faults Faults
	for _, name := range names {
		s := lookup(name)
		if s == nil {
			return fmt.Errorf("config: there is no setting %s", name)
		}
		if s.isSet(c) {
			continue
		}
		faults = append(faults, &Fault{Setting: s.Name, Msg: "is not set", Mend: "write " + s.Example + " in config.py, " + s.otherwise()})
	}
	return faults.orNil()
}

// Origin is the place that a setting's value came from.
type Origin struct {
	Kind   OriginKind
	Detail string // the flag, the variable, or file:line:column
}

// String is for people: "config.py:12:1", "environment (HEALPIPE_ZARR_PATH)", "default".
func (o Origin) String() string {
	switch o.Kind {
	case FromDefault:
		return "default"
	case FromFile:
		return o.Detail
	}
	return o.Kind.String() + " (" + o.Detail + ")"
}

// OriginKind orders the places, the weakest first.
type OriginKind int

// The places of a setting.
const (
	FromDefault OriginKind = iota
	FromFile               // config.py
	FromDotEnv
	FromEnv
	FromFlag
)

func (k OriginKind) String() string {
	return [...]string{"default", "config.py", ".env", "environment", "flag"}[k]
}

// TimeRange is a regular time axis: N instants from Start, Step apart, UTC.
type TimeRange struct {
	Start time.Time
	N     int
	Step  time.Duration
}

// At returns the i-th instant.
func (r TimeRange) At(i int) time.Time {
	// A Duration ends after 292 years; microseconds of int64 do not.
	return time.UnixMicro(r.Start.UnixMicro() + int64(i)*r.Step.Microseconds()).UTC()
}

// End returns the last instant, included in the axis.
func (r TimeRange) End() time.Time { return r.At(r.N - 1) }

// Index returns the position of t, and false if the axis does not have this instant.
func (r TimeRange) Index(t time.Time) (int, bool) {
	step := r.Step.Microseconds()
	if step <= 0 || t.Nanosecond()%1000 != 0 {
		return 0, false
	}
	d := t.UnixMicro() - r.Start.UnixMicro()
	if d < 0 || d%step != 0 || d/step >= int64(r.N) {
		return 0, false
	}
	return int(d / step), true
}

// Locate returns the range of positions [i0, i1) whose instants lie in [from, to], cut to the axis.
func (r TimeRange) Locate(from, to time.Time) (i0, i1 int) {
	step := r.Step.Microseconds()
	if step <= 0 || r.N <= 0 {
		return 0, 0
	}
	a := from.UnixMicro() - r.Start.UnixMicro()
	b := to.UnixMicro() - r.Start.UnixMicro()
	lo := max(0, ceilDiv(a, step))
	hi := min(int64(r.N), floorDiv(b, step)+1)
	if hi <= lo {
		return 0, 0
	}
	return int(lo), int(hi)
}

// String is START/END/STEP, the form that flags and variables take.
func (r TimeRange) String() string {
	return formatInstant(r.Start) + "/" + formatInstant(r.End()) + "/" + formatStep(r.Step)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func ceilDiv(a, b int64) int64 { return -floorDiv(-a, b) }

func formatInstant(t time.Time) string {
	if t.Truncate(24 * time.Hour).Equal(t) {
		return t.Format("2006-01-02")
	}
	return strings.TrimSuffix(t.Format("2006-01-02T15:04:05.999999"), ":00")
}

func formatStep(d time.Duration) string {
	for _, u := range stepUnits {
		if d%u.d == 0 {
			return fmt.Sprintf("%d%s", d/u.d, u.name)
		}
	}
	return d.String()
}

var stepUnits = [...]struct {
	name string
	d    time.Duration
}{{"D", 24 * time.Hour}, {"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond}, {"us", time.Microsecond}}

func orWord(s, word string) string {
	if s == "" {
		return word
	}
	return s
}
