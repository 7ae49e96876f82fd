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

// TestProfileOfVariables has rclone's variables, which add to the file, win over it, and make sections of their own.
func TestProfileOfVariables(t *testing.T) {
	t.Parallel()
	home := site(t, map[string]string{".config/rclone/rclone.conf": rcloneText})
	for _, tt := range []struct {
		profile string
		env     []string
		want    Profile
		err     string
	}{
		{profile: "minio", env: []string{"RCLONE_CONFIG_MINIO_ENDPOINT=http://other:9000", "RCLONE_CONFIG_MINIO_SECRET_ACCESS_KEY=new"},
			want: Profile{Name: "minio", Provider: "Minio", AccessKeyID: "AK", SecretAccessKey: "new", SessionToken: "tok", Endpoint: "http://other:9000", Region: "eu-1"}},
		{profile: "of-pods", env: []string{"RCLONE_CONFIG_OF_PODS_TYPE=s3", "RCLONE_CONFIG_OF_PODS_ENV_AUTH=true", "RCLONE_CONFIG_OF_PODS_ACL=private", "RCLONE_CONFIG_OF_PODS_STORAGE_CLASS=IA", "RCLONE_CONFIG_OF_PODS_SERVER_SIDE_ENCRYPTION=aws:kms", "RCLONE_CONFIG_OF_PODS_SSE_KMS_KEY_ID=key"},
			want: Profile{Name: "of-pods", EnvAuth: true, ForcePathStyle: true, ACL: "private", StorageClass: "IA", Encryption: "aws:kms", EncryptionKey: "key"}},
		{profile: "gone", env: []string{"RCLONE_CONFIG_GONE_ENDPOINT=x"}, err: "section [gone] has type = (nothing), wanted type = s3"},
		{profile: "minio:", err: `ZARR_PROFILE names the profile "minio:" with a colon; write "minio"`},
		{profile: "over", err: "section [over] has type = alias, which stands on another section; wanted type = s3: name the S3 section itself and write its bucket in the path"},
		{profile: "sealed", err: "section [sealed] has sse_customer_key, which is not understood: remove it, or reach the bucket in another way"},
		{profile: "odd", err: "section [odd] has server_side_encryption = rot13, wanted AES256 or aws:kms"},
	} {
		conf := site(t, map[string]string{"rclone.conf": rcloneText + "\n[over]\ntype = alias\nremote = minio:bucket/prefix\n[sealed]\ntype = s3\nsse_customer_key = the-secret\n[odd]\ntype = s3\nserver_side_encryption = rot13\n"})
		env := append([]string{"HOME=" + home, "HEALPIPE_ZARR_PROFILE=" + tt.profile, "RCLONE_CONFIG=" + filepath.Join(conf, "rclone.conf")}, tt.env...)
		c, err := Load(Options{Dir: t.TempDir(), Env: environment(env...)})
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "the-secret") {
				t.Errorf("%s: %v", tt.profile, err)
			}
			continue
		}
		if got, perr := c.Profile(tt.profile); err != nil || perr != nil || got != tt.want {
			t.Errorf("%s: %v %v\n%+v", tt.profile, err, perr, []any{got.Endpoint, got.SecretAccessKey, got.ACL})
		}
	}
	// Without a file.
	c, err := Load(Options{Dir: t.TempDir(), Env: environment("HOME="+t.TempDir(), "HEALPIPE_ZARR_PROFILE=a", "RCLONE_CONFIG_A_TYPE=s3")})
	if p, perr := c.Profile("a"); err != nil || perr != nil || !p.Anonymous() {
		t.Errorf("%v %v", err, perr)
	}
	// Paths as rclone writes them.
	_, err = Load(Options{Dir: t.TempDir(), Env: environment("HOME="+home, "HEALPIPE_ZARR_PATH=minio:bucket/x.zarr", "HEALPIPE_ERA5_ROOTS=open:archive,plain")})
	if want := `ZARR_PATH is "minio:bucket/x.zarr", with a profile in front; write "bucket/x.zarr" here, and "minio" in ZARR_PROFILE` + "\n" + `ERA5_ROOTS is "open:archive", with a profile in front; write "archive" here, and "open" in ERA5_PROFILE`; fmt.Sprint(err) != want {
		t.Errorf("%v", err)
	}
}
