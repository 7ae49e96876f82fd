package cli

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// limitProcessors heeds a container's limit of one processor and less, for which Go itself keeps two: its tasks would
// take turns and memory for nothing. Larger limits are Go's own matter, and GOMAXPROCS overrides all.
func limitProcessors() {
	if os.Getenv("GOMAXPROCS") == "" && processorQuota("/") <= 1 {
		runtime.GOMAXPROCS(1)
	}
}

// processorQuota is the number of processors that the control groups of this process let it use, +Inf without a limit.
// root is where /proc and /sys are, for tests.
func processorQuota(root string) float64 {
	groups, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return math.Inf(1)
	}
	mounts, err := os.ReadFile(filepath.Join(root, "proc/self/mountinfo"))
	if err != nil {
		return math.Inf(1)
	}
	quota := math.Inf(1)
	for line := range strings.Lines(string(groups)) {
		part := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3) // number:controllers:path
		if len(part) != 3 || part[1] != "" && !slices.Contains(strings.Split(part[1], ","), "cpu") {
			continue
		}
		mount, top := cgroupMount(string(mounts), part[1])
		below, inside := strings.CutPrefix(part[2], strings.TrimSuffix(top, "/"))
		if mount == "" || !inside || below != "" && below[0] != '/' {
			below = "" // of another namespace: what is mounted is this process's own group, or one above it
		}
		// The groups above limit this one too.
		for dir := filepath.Join("/", below); mount != ""; dir = filepath.Dir(dir) {
			quota = min(quota, groupQuota(filepath.Join(root, mount, dir), part[1] == ""))
			if dir == "/" {
				break
			}
		}
	}
	return quota
}

// cgroupMount finds where the hierarchy with the controllers is mounted ("" means version 2), and which group that
// shows.
func cgroupMount(mounts, controllers string) (dir, top string) {
	for line := range strings.Lines(mounts) {
		// number parent device root mountpoint options [fields] - type source options
		before, after, ok := strings.Cut(strings.TrimSpace(line), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 3 {
			continue
		}
		if controllers == "" && right[0] == "cgroup2" || controllers != "" && right[0] == "cgroup" && slices.Contains(strings.Split(right[2], ","), "cpu") {
			return left[4], left[3]
		}
	}
	return "", ""
}

// groupQuota reads the limit of one group.
func groupQuota(dir string, v2 bool) float64 {
	read := func(name string) []string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil
		}
		return strings.Fields(string(text))
	}
	fields := read("cpu.max") // microseconds in a period, or max
	if !v2 {
		fields = append(read("cpu.cfs_quota_us"), read("cpu.cfs_period_us")...)
	}
	if len(fields) != 2 {
		return math.Inf(1)
	}
	quota, err1 := strconv.ParseFloat(fields[0], 64)
	period, err2 := strconv.ParseFloat(fields[1], 64)
	if err1 != nil || err2 != nil || !(quota > 0 && period > 0) {
		return math.Inf(1)
	}
	return quota / period
}
