package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// The checks that ask what is outside the settings.

// Bounds of the checks.
const (
	skewWarning = 2 * time.Second
	skewError   = time.Minute
	minFiles    = 1024
	// taskMemory is the memory of a task with one of the archive's larger files (37 levels), programMemory that of
	// the program itself.
	taskMemory    = 250 << 20
	programMemory = 32 << 20
	// taskBytes is the room for temporary files of one task: the largest regridded file (a day of 37 levels,
	// 175 MB) and its input where a server has no ranges (1 GB).
	taskBytes = 1200 << 20
)

// oldest is the first version of Redis whose commands are used.
const oldest = 5

// secrets looks whether files with passwords can be read by others.
func (k *checker) secrets() {
	if k.p.Mode == nil {
		return
	}
	type file struct{ name, why string }
	var files []file
	if len(k.c.DotEnv) > 0 {
		for name := range k.c.DotEnv {
			if secretName(name) || strings.Contains(k.c.DotEnv[name], "@") {
				files = append(files, file{k.c.Dir + "/.env", "the variable " + name})
				break
			}
		}
	}
	for _, s := range Settings() {
		if value := s.show(k.c); s.Secret && value != MaskURL(value) && k.c.Origin(s.Name).Kind == FromFile {
			files = append(files, file{k.c.File, "the password in " + s.Name})
			break
		}
	}
	for _, name := range []string{k.c.ERA5Profile, k.c.OutputProfile, k.c.ZarrProfile} {
		if p, err := k.c.Profile(name); err == nil && p.SecretAccessKey != "" {
			files = append(files, file{k.c.RcloneFile, "the key of the profile " + name})
			break
		}
	}
	for _, f := range files {
		if mode, ok := k.p.Mode(f.name); ok && mode&0o044 != 0 {
			k.add(Warning, "", "run: chmod 600 "+f.name, "others can read %s, which has %s", f.name, f.why)
		}
	}
}

// broker asks the broker and the result backend.
func (k *checker) broker(ctx context.Context) {
	if k.p.Broker == nil {
		return
	}
	for _, u := range []struct{ setting, url string }{{"CELERY_BROKER", k.c.CeleryBroker}, {"RESULT_BACKEND", k.c.ResultBackend}} {
		if u.url == "" || strings.HasPrefix(u.url, "rpc") || k.faulty(u.setting) {
			continue
		}
		state, err := k.p.Broker(ctx, u.url)
		if err != nil {
			mend := "start Redis there, open its port, or correct the URL"
			if text := strings.ToUpper(err.Error()); strings.Contains(text, "NOAUTH") || strings.Contains(text, "WRONGPASS") || strings.Contains(text, "AUTH") {
				mend = "write the password as redis://:PASSWORD@HOST:6379/0"
			}
			k.add(Error, u.setting, mend, "cannot be reached: %s: %v", MaskURL(u.url), err)
			continue
		}
		k.brokerState(u.setting, state)
	}
}

func (k *checker) brokerState(setting string, s BrokerState) {
	if !s.Time.IsZero() {
		skew := k.p.Now().Sub(s.Time)
		severity := Note
		switch {
		case skew.Abs() > skewError:
			severity = Error
		case skew.Abs() > skewWarning:
			severity = Warning
		}
		if severity != Note {
			k.add(severity, setting, "let both machines set their clocks by NTP (timedatectl set-ntp true)", "and this machine have clocks %v apart: messages would come back too early or too late", skew.Abs().Round(time.Millisecond))
		}
	}
	if s.Eviction != "" && s.Eviction != "noeviction" && s.MaxMemory > 0 {
		k.add(Warning, setting, "run: redis-cli config set maxmemory-policy noeviction", "removes keys when its memory is full (%s): tasks would be lost", s.Eviction)
	}
	if major := leadingNumber(s.Version); s.Version != "" && major < oldest {
		k.add(Error, setting, "install Redis 6.2 or later", "has Redis %s, too old", s.Version)
	}
}

// leadingNumber is the major version.
func leadingNumber(version string) int {
	n := 0
	for _, c := range version {
		if c < '0' || c > '9' || n > 1000 {
			break
		}
		n = 10*n + int(c-'0')
	}
	return n
}

// storage asks the input for its files and writes where the output goes.
func (k *checker) storage(ctx context.Context) {
	c := k.c
	if k.p.List != nil && !k.faulty("ERA5_ROOTS", "ERA5_PROFILE") {
		for _, root := range c.ERA5Roots {
			found, err := k.p.List(ctx, root, c.ERA5Profile)
			switch {
			case err != nil:
				k.unreachable("ERA5_ROOTS", "ERA5_PROFILE", root, err)
			case !found:
				k.add(Warning, "ERA5_ROOTS", "correct the path, or put the archive's files there", "has %s, where there are no files", root)
			}
		}
	}
	for _, out := range []struct{ setting, path, profileName, profile string }{
		{"OUTPUT_BUCKET", c.OutputBucket, "ZARR_PROFILE", c.ZarrProfile},
		{"ZARR_PATH", c.ZarrPath, "ZARR_PROFILE", c.ZarrProfile},
		{"STATISTICS_PATH", c.StatisticsPath, "ZARR_PROFILE", c.ZarrProfile},
	} {
		if k.p.Write == nil || out.path == "" || k.faulty(out.setting, out.profileName) {
			continue
		}
		if err := k.p.Write(ctx, out.path, out.profile); err != nil {
			k.unreachable(out.setting, out.profileName, out.path, err)
		}
	}
}

func (k *checker) unreachable(setting, profile, path string, err error) {
	mend := "correct the path or " + profile
	switch {
	case errors.Is(err, fs.ErrNotExist):
		mend = "make the folder or bucket, or correct the path"
	case errors.Is(err, fs.ErrPermission):
		mend = "give this user, or the keys of " + profile + ", the right to it"
	}
	k.add(Error, setting, mend, "cannot be used: %s: %v", path, err)
}

// machine looks at what this machine offers.
func (k *checker) machine() {
	if k.p.DiskFree != nil && k.p.TempDir != "" {
		need := int64(max(k.p.Concurrency, 1)) * taskBytes
		free, err := k.p.DiskFree(k.p.TempDir)
		switch {
		case err != nil:
			k.add(Error, "", "name a folder that can be written in TMPDIR", "the folder for temporary files cannot be used: %s: %v", k.p.TempDir, err)
		case free < need:
			k.add(Warning, "", "name a larger disk in TMPDIR, or start fewer tasks at a time (-c)", "the folder for temporary files, %s, has %d MB left; %d tasks may need %d MB", k.p.TempDir, free>>20, max(k.p.Concurrency, 1), need>>20)
		}
	}
	for _, out := range []struct{ setting, path, profile string }{{"OUTPUT_BUCKET", k.c.OutputBucket, k.c.OutputProfile}, {"ZARR_PATH", k.c.ZarrPath, k.c.ZarrProfile}} {
		if k.p.DiskFree == nil || out.path == "" || out.profile != "" || strings.HasPrefix(out.path, "s3://") || k.faulty(out.setting) {
			continue
		}
		if free, err := k.p.DiskFree(out.path); err == nil && free < 10<<30 {
			k.add(Warning, out.setting, "make room, or write to another disk", "lies on a disk with %d MB left", free>>20)
		}
	}
	if k.p.Memory != nil {
		limit, of := k.p.Memory()
		fit := (limit - programMemory) / taskMemory
		switch {
		case limit <= 0 || fit >= int64(k.p.Concurrency):
		case fit < 1:
			k.add(Warning, "", "raise it to 512 MiB or more", "the memory is limited to %d MiB (%s): tasks with files of 37 levels need %d MiB and would be refused", limit>>20, of, taskMemory>>20)
		default:
			k.add(Note, "", fmt.Sprintf("start with -c %d, or raise the limit", fit), "the memory is limited to %d MiB (%s): of %d tasks with files of 37 levels, %d fit at a time and the others wait", limit>>20, of, k.p.Concurrency, fit)
		}
	}
	if k.p.OpenFiles != nil {
		if n, err := k.p.OpenFiles(); err == nil && n < minFiles {
			k.add(Warning, "", "raise it: ulimit -n 65536, or LimitNOFILE= in the unit", "only %d files may be open at a time", n)
		}
	}
}
