package config

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The checks that need nothing but the settings.

var unitsForm = regexp.MustCompile(`^\s*(\w+)\s+since\s+(.+?)\s*$`)

// axis checks the time axis. The array `time` counts minutes from START_TIME, whatever TIME_UNITS says,
// so the units must say the same.
func (k *checker) axis() {
	c := k.c
	if k.faulty("TIME_RANGE", "TIME_CHUNK", "START_TIME", "TIME_UNITS") || c.TimeRange.Step <= 0 {
		return
	}
	day := int(24 * time.Hour / c.TimeRange.Step)
	switch {
	case c.TimeChunk > c.TimeRange.N:
		k.add(Error, "TIME_CHUNK", "write a smaller TIME_CHUNK, such as 24", "is %d, but the time axis has %d steps only", c.TimeChunk, c.TimeRange.N)
	case day > 0 && day%c.TimeChunk != 0 && c.TimeChunk%day != 0:
		k.add(Warning, "TIME_CHUNK", "write 24, or a divisor or multiple of a day's steps", "is %d: chunks cross the borders of daily files, so two tasks write into one chunk", c.TimeChunk)
	}
	if c.TimeRange.Step%time.Minute != 0 {
		k.add(Error, "TIME_RANGE", "write a freq of whole minutes", "has steps of %v, but the array time counts minutes", c.TimeRange.Step)
	} else if c.TimeRange.Step != time.Hour {
		k.add(Warning, "TIME_RANGE", `write freq="1h"`, "has steps of %v, but the archive is hourly: other hours of a file are refused", c.TimeRange.Step)
	}
	if c.TimeRange.Start.Before(c.StartTime) {
		k.add(Warning, "START_TIME", "write a START_TIME at or before the start of TIME_RANGE", "is after the start of TIME_RANGE, so that times are negative")
	}
	m := unitsForm.FindStringSubmatch(c.TimeUnits)
	if m == nil {
		k.add(Error, "TIME_UNITS", `write "minutes since 1900-1-1 0:0:0"`, "is no CF unit of time: %q", c.TimeUnits)
		return
	}
	if !slices.Contains([]string{"min", "mins", "minute", "minutes"}, strings.ToLower(m[1])) {
		k.add(Error, "TIME_UNITS", "write minutes since the date of START_TIME", "counts %s, but the array time counts minutes: readers would see wrong dates", m[1])
	}
	switch epoch, err := ParseTimestamp(m[2]); {
	case err != nil:
		k.add(Error, "TIME_UNITS", "write the date as YYYY-MM-DD", "%v", err)
	case !epoch.Equal(c.StartTime):
		k.add(Error, "TIME_UNITS", "write the same date in both", "begins at %s, START_TIME at %s: readers would see wrong dates", formatInstant(epoch), formatInstant(c.StartTime))
	}
}

// intermediate is the level of the grid that files are interpolated to before they are averaged.
const intermediate = 8

func (k *checker) grid() {
	c := k.c
	if !k.faulty("LEVELS") && c.Levels != 37 {
		k.add(Warning, "LEVELS", "write LEVELS = 37, unless the files have been cut", "is %d, but the archive's files have 37 levels", c.Levels)
	}
	switch {
	case k.faulty("OUTPUT_LEVEL"):
	case c.OutputLevel > intermediate:
		k.add(Error, "OUTPUT_LEVEL", "write 8 or less", "is %d, finer than the nside 256 (level 8) that files are interpolated to", c.OutputLevel)
	case c.OutputLevel != 6:
		k.add(Note, "OUTPUT_LEVEL", "let no Python worker take part", "is %d: the Python workflow knows level 6 only", c.OutputLevel)
	}
}

// paths checks the places among each other.
func (k *checker) paths() {
	c := k.c
	places := []struct{ setting, path, profileName, profile string }{
		{"OUTPUT_BUCKET", c.OutputBucket, "OUTPUT_PROFILE", c.OutputProfile},
		{"ZARR_PATH", c.ZarrPath, "ZARR_PROFILE", c.ZarrProfile},
		{"STATISTICS_PATH", c.StatisticsPath, "ZARR_PROFILE", c.ZarrProfile},
	}
	for _, root := range c.ERA5Roots {
		places = append(places, struct{ setting, path, profileName, profile string }{"ERA5_ROOTS", root, "ERA5_PROFILE", c.ERA5Profile})
	}
	for _, p := range places {
		switch {
		case p.path == "":
		case strings.HasPrefix(p.path, "path/to/") || strings.Contains(p.path, "YOUR_"):
			k.add(Error, p.setting, "write your own path", "is still the example's: %s", p.path)
		case p.profile == "" && strings.HasPrefix(p.path, "s3://"):
			k.add(Warning, p.profileName, "name the section of rclone.conf", "is empty, but %s is a bucket: %s; AWS_* variables decide who asks", p.setting, p.path)
		case p.profile != "" && (path.IsAbs(p.path) || strings.HasPrefix(p.path, "./") || strings.HasPrefix(p.path, "../") || strings.HasPrefix(p.path, "~")):
			k.add(Error, p.setting, "write bucket/key, or an empty "+p.profileName, "looks like a local path, but %s is %q: %s", p.profileName, p.profile, p.path)
		case strings.Contains(p.path, "://") && !strings.HasPrefix(p.path, "s3://"):
			k.add(Error, p.setting, "write bucket/key and a profile, or a local path", "has a scheme that is not read: %s", p.path)
		case p.profile == "" && strings.HasPrefix(p.path, "~"):
			k.add(Error, p.setting, "write the home folder in full", "begins with ~, which nothing replaces: %s", p.path)
		}
	}
	if c.OutputProfile != c.ZarrProfile {
		k.add(Error, "OUTPUT_PROFILE", "write the same profile in both", "is %q, but regridded files are written with ZARR_PROFILE, %q: they would not be found", c.OutputProfile, c.ZarrProfile)
	}
	seen := map[string]bool{}
	for _, root := range c.ERA5Roots {
		if r := place(root, c.ERA5Profile); seen[r] {
			k.add(Warning, "ERA5_ROOTS", "remove one of them", "has %s twice: its files would be done twice", root)
		} else {
			seen[r] = true
		}
		if within(c.OutputBucket, c.OutputProfile, root, c.ERA5Profile) {
			k.add(Error, "OUTPUT_BUCKET", "write a folder of its own", "lies in the input %s: regridded files would be taken for input", root)
		}
	}
	switch {
	case within(c.ZarrPath, c.ZarrProfile, c.OutputBucket, c.OutputProfile), within(c.OutputBucket, c.OutputProfile, c.ZarrPath, c.ZarrProfile):
		k.add(Error, "ZARR_PATH", "write a folder of its own for each", "and OUTPUT_BUCKET lie within each other: %s and %s", c.ZarrPath, c.OutputBucket)
	}
	if within(c.StatisticsPath, c.ZarrProfile, c.ZarrPath, c.ZarrProfile) {
		k.add(Error, "STATISTICS_PATH", "write a folder beside the store, such as "+strings.TrimSuffix(c.ZarrPath, "/")+".statistics", "lies in the store, %s: its readers would find foreign files", c.ZarrPath)
	}
	k.profiles()
}

// place is a path in one form, to be compared.
func place(p, profile string) string {
	p = strings.TrimPrefix(p, "s3://")
	return profile + "\x00" + path.Clean(p)
}

// within tells whether a path is b or below b.
func within(a, aProfile, b, bProfile string) bool {
	if a == "" || b == "" {
		return false
	}
	x, y := place(a, aProfile), place(b, bProfile)
	return x == y || strings.HasPrefix(x, y+"/")
}

func (k *checker) profiles() {
	var done []string
	for _, u := range []struct{ setting, name string }{{"ERA5_PROFILE", k.c.ERA5Profile}, {"OUTPUT_PROFILE", k.c.OutputProfile}, {"ZARR_PROFILE", k.c.ZarrProfile}} {
		p, err := k.c.Profile(u.name)
		if err != nil || p.Local() {
			continue
		}
		if u.setting != "ERA5_PROFILE" && p.Anonymous() && !k.faulty(u.setting) {
			k.add(Error, u.setting, "add access_key_id and secret_access_key, or env_auth = true", "is %q, which has no keys: nothing can be written", u.name)
		}
		if slices.Contains(done, u.name) {
			continue
		}
		done = append(done, u.name)
		if p.Endpoint == "" {
			continue
		}
		endpoint := p.Endpoint
		if !strings.Contains(endpoint, "://") {
			endpoint = "https://" + endpoint
		}
		switch e, err := url.Parse(endpoint); {
		case err != nil || e.Host == "":
			k.add(Error, u.setting, "write endpoint = https://HOST[:PORT]", "is %q, whose endpoint is no URL: %s", u.name, p.Endpoint)
		case strings.Trim(e.Path, "/") != "":
			k.add(Error, u.setting, "write the endpoint without a path, and the bucket in front of each key", "is %q, whose endpoint has a path: %s", u.name, p.Endpoint)
		}
	}
}

// urls checks the forms of the broker's and backend's URLs.
func (k *checker) urls() {
	for _, u := range []struct{ setting, url string }{{"CELERY_BROKER", k.c.CeleryBroker}, {"RESULT_BACKEND", k.c.ResultBackend}} {
		if u.url == "" || k.faulty(u.setting) {
			continue
		}
		for _, one := range strings.Split(u.url, ";") {
			k.redisURL(u.setting, strings.TrimSpace(one))
		}
	}
}

func (k *checker) redisURL(setting, s string) {
	const example = "write redis://HOST:6379/0"
	scheme, rest, _ := strings.Cut(s, "://")
	switch scheme {
	case "redis", "rediss", "sentinel", "unix", "redis+socket", "socket":
	case "rpc":
		if setting == "RESULT_BACKEND" {
			return
		}
		fallthrough
	default:
		k.add(Error, setting, example, "has the scheme %s://, but only Redis is spoken", scheme)
		return
	}
	u, err := url.Parse(s)
	if err != nil {
		k.add(Error, setting, "write special characters of the password as %XX", "is no URL: %s", MaskURL(s))
		return
	}
	if scheme == "unix" || strings.HasSuffix(scheme, "socket") {
		return
	}
	if host := u.Hostname(); host == "HOST" || strings.HasPrefix(strings.ToUpper(host), "YOUR_") || host == "" && rest != "" && !strings.HasPrefix(rest, ":") && !strings.Contains(rest, "@") {
		k.add(Error, setting, example+" with your host", "is still the example's: %s", MaskURL(s))
		return
	}
	if db := strings.Trim(u.Path, "/"); db != "" {
		if _, err := strconv.ParseUint(db, 10, 16); err != nil {
			k.add(Error, setting, example, "names the database %q, wanted a number", db)
		}
	}
	if scheme == "rediss" && u.Query().Get("ssl_cert_reqs") == "" {
		k.add(Note, setting, "append ?ssl_cert_reqs=required for them as well", "has no ssl_cert_reqs: Python workers do not check the server's certificate then")
	}
}
