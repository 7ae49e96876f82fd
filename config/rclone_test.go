package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

const rcloneText = `# comment
[minio]
type = s3
provider = Minio
access_key_id = AK
secret_access_key = s3cr#et;with %(odd)s=` + "`" + `chars"
endpoint = http://localhost:9000
region = eu-1
force_path_style = false
session_token = tok

[open]
type = s3
provider = AWS
region = us-west-2

[role]
type=s3
env_auth = true

[half]
type = s3
access_key_id = AK

[sftp]
type = sftp
pass = obscured

[crooked]
type = s3
env_auth = perhaps
`

func TestProfiles(t *testing.T) {
	t.Parallel()
	home := site(t, map[string]string{".config/rclone/rclone.conf": rcloneText})
	profiles, err := ReadRclone(filepath.Join(home, ".config/rclone/rclone.conf"))
	if err != nil {
		t.Fatal(err)
	}
	want := Profile{Name: "minio", Provider: "Minio", AccessKeyID: "AK", SecretAccessKey: "s3cr#et;with %(odd)s=`chars\"", SessionToken: "tok", Endpoint: "http://localhost:9000", Region: "eu-1"}
	if profiles["minio"] != want || profiles["minio"].Anonymous() {
		t.Errorf("%q\n%q", profiles["minio"].SecretAccessKey, want.SecretAccessKey)
	}
	if !profiles["open"].Anonymous() || !profiles["open"].ForcePathStyle || profiles["role"].Anonymous() || !profiles["role"].EnvAuth || len(profiles) != 3 {
		t.Errorf("%d profiles", len(profiles))
	}
	if text := fmt.Sprintf("%v %+v %#v", want, want, want); strings.Contains(text, "s3cr") {
		t.Errorf("a secret is printed: %s", text)
	}
}

func TestProfileFaults(t *testing.T) {
	t.Parallel()
	home := site(t, map[string]string{".config/rclone/rclone.conf": rcloneText, "enc.conf": "# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nabc=\n"})
	file := filepath.Join(home, ".config/rclone/rclone.conf")
	for _, tt := range []struct{ profile, conf, want string }{
		{"minio", "", ""},
		{"gone", "", "ZARR_PROFILE names the profile \"gone\", but " + file + " has no section [gone]; add it with type = s3, access_key_id and secret_access_key"},
		{"sftp", "", "ZARR_PROFILE names the profile \"sftp\": profile: " + file + ", section [sftp] has type = sftp, wanted type = s3"},
		{"half", "", "ZARR_PROFILE names the profile \"half\": profile: " + file + ", section [half] has only one of access_key_id and secret_access_key; write both, or neither for anonymous access"},
		{"crooked", "", "ZARR_PROFILE names the profile \"crooked\": profile: " + file + ", section [crooked] has env_auth = perhaps, wanted true or false"},
		{"minio", "/no/such.conf", "ZARR_PROFILE names the profile \"minio\", but RCLONE_CONFIG names a file that does not exist: /no/such.conf; correct RCLONE_CONFIG"},
		{"minio", filepath.Join(home, "enc.conf"), "ZARR_PROFILE names the profile \"minio\": profile: " + filepath.Join(home, "enc.conf") + " is encrypted; write a copy without a password with `rclone config encryption remove`, or a small file with this section alone, and name it in RCLONE_CONFIG"},
	} {
		env := []string{"HOME=" + home, "HEALPIPE_ZARR_PROFILE=" + tt.profile}
		if tt.conf != "" {
			env = append(env, "RCLONE_CONFIG="+tt.conf)
		}
		c, err := Load(Options{Dir: t.TempDir(), Env: environment(env...)})
		if tt.want == "" {
			if p, perr := c.Profile(c.ZarrProfile); err != nil || perr != nil || p.AccessKeyID != "AK" {
				t.Errorf("%v %v", err, perr)
			}
			continue
		}
		if err == nil || err.Error() != tt.want || !errors.Is(err, ErrProfile) {
			t.Errorf("got  %v\nwant %s", err, tt.want)
		}
	}
	_, err := Load(Options{Dir: t.TempDir(), Env: environment("HOME="+t.TempDir(), "HEALPIPE_ZARR_PROFILE=a")})
	if want := "ZARR_PROFILE names the profile \"a\", but there is no rclone configuration file; write ~/.config/rclone/rclone.conf or name the file in RCLONE_CONFIG"; fmt.Sprint(err) != want {
		t.Errorf("%v", err)
	}
}

func TestFindRcloneFile(t *testing.T) {
	t.Parallel()
	home := site(t, map[string]string{".rclone.conf": "", "xdg/rclone/rclone.conf": ""})
	for _, tt := range []struct{ env, want string }{
		{"", filepath.Join(home, ".rclone.conf")},
		{"XDG_CONFIG_HOME=" + filepath.Join(home, "xdg"), filepath.Join(home, "xdg/rclone/rclone.conf")},
		{"XDG_CONFIG_HOME=/none", filepath.Join(home, ".rclone.conf")},
		{"RCLONE_CONFIG=~/mine.conf", filepath.Join(home, "mine.conf")},
	} {
		if got := FindRcloneFile(environment("HOME="+home, tt.env)); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.env, got, tt.want)
		}
	}
}
