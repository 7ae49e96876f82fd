package storage_test

import (
	"errors"
	"strings"
	"testing"

	"healpipe/storage"
)

func TestOpener(t *testing.T) {
	t.Parallel()
	o := storage.NewOpener(func(name string) (storage.S3Options, error) {
		if name == "broken" {
			return storage.S3Options{}, errors.New("no such section in rclone.conf")
		}
		return storage.S3Options{Endpoint: "http://127.0.0.1:1", AccessKey: "key", SecretKey: "hush"}, nil
	})
	roots := []struct{ path, profile, want string }{
		{"ERA5_sfc", "", "ERA5_sfc"},
		{"ERA5_sfc/", "", "ERA5_sfc"},
		{"/", "", "/"},
		{"", "", ""},
		{"./a/../b", "", "./a/../b"},
		{"bucket", "p", "s3://bucket"},
		{"bucket/", "p", "s3://bucket"},
		{"bucket/era5/pl/", "p", "s3://bucket/era5/pl"},
		{"s3://bucket/era5", "p", "s3://bucket/era5"},
		{"s3://bucket/era5", "", "s3://bucket/era5"},
	}
	for _, tt := range roots {
		st, err := o.Root(tt.path, tt.profile)
		if err != nil || st.String() != tt.want {
			t.Errorf("Root(%q, %q): %v, %v; want %s", tt.path, tt.profile, st, err, tt.want)
		}
	}
	files := []struct{ path, profile, root, key string }{
		{"a/b/c.nc", "", "a/b", "c.nc"},
		{"/c.nc", "", "/", "c.nc"},
		{"c.nc", "", "", "c.nc"},
		{"bucket/c.nc", "p", "s3://bucket", "c.nc"},
		{"bucket/a/b/c.nc", "p", "s3://bucket", "a/b/c.nc"},
		{"s3://bucket/a/c.nc", "", "s3://bucket", "a/c.nc"},
	}
	for _, tt := range files {
		st, key, err := o.File(tt.path, tt.profile)
		if err != nil || st.String() != tt.root || key != tt.key {
			t.Errorf("File(%q, %q): %v, %q, %v", tt.path, tt.profile, st, key, err)
		}
	}
	for _, tt := range []struct{ path, profile string }{{"", ""}, {"a/", ""}, {"bucket", "p"}, {"bucket/a/", "p"}, {"", "p"}, {"s3://", "p"}, {"bucket/c.nc", "broken"}} {
		_, _, err := o.File(tt.path, tt.profile)
		if err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("File(%q, %q): %v", tt.path, tt.profile, err)
		}
	}
	a, _ := o.Root("bucket/x", "p")
	b, _ := o.Root("s3://bucket/x/", "p")
	if a != b {
		t.Error("one bucket opened twice")
	}
}
