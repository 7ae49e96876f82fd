package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gopkg.in/ini.v1"
)

// Profile is what reaches one S3 service: a section of the user's rclone configuration file. The zero
// value stands for local paths.
type Profile struct {
	Name            string // of the section; "" for local paths
	Provider        string // AWS, Minio, Ceph, ...; "" if the section names none
	AccessKeyID     string // "" with EnvAuth or for anonymous access
	SecretAccessKey string
	SessionToken    string
	Endpoint        string // host[:port] or URL; "" for AWS
	Region          string // "" for the service's default
	ForcePathStyle  bool   // bucket in the path, not in the host's name; default true
	EnvAuth         bool   // credentials from AWS_* variables, the shared credentials file or the instance's role
	SharedFile      string // shared_credentials_file, for EnvAuth
	SharedProfile   string // profile in that file, for EnvAuth
	CACert          string // PEM file of further certificate authorities
	SkipVerify      bool   // no check of the server's certificate
	NoCheckBucket   bool
	ACL             string // canned ACL of what is written, "" for the bucket's
	StorageClass    string
	Encryption      string // server_side_encryption: AES256, aws:kms or ""
	EncryptionKey   string // sse_kms_key_id
	UploadCutoff    string // as written, "" for the default
	ChunkSize       string // as written, "" for the default
}

// Local tells whether paths of this profile are local ones.
func (p Profile) Local() bool { return p.Name == "" }

// Anonymous tells whether requests are sent without a signature.
func (p Profile) Anonymous() bool { return !p.Local() && !p.EnvAuth && p.AccessKeyID == "" }

// String names the profile without its secrets.
func (p Profile) String() string {
	if p.Local() {
		return "local"
	}
	return fmt.Sprintf("[%s] s3 at %s", p.Name, orWord(p.Endpoint, "AWS"))
}

// GoString keeps the secret out of %#v.
func (p Profile) GoString() string { return p.String() }

// FindRcloneFile returns the configuration file that rclone would use: RCLONE_CONFIG, then rclone.conf
// in XDG_CONFIG_HOME/rclone, .config/rclone and (as .rclone.conf) the home folder. "" means that there is
// none. A file that RCLONE_CONFIG names is returned whether it exists or not.
func FindRcloneFile(env func(string) (string, bool)) string {
	get := func(name string) string { v, _ := env(name); return v }
	if name := get("RCLONE_CONFIG"); name != "" {
		return expandHome(name, get("HOME"))
	}
	var names []string
	if dir := get("XDG_CONFIG_HOME"); dir != "" {
		names = append(names, filepath.Join(dir, "rclone", "rclone.conf"))
	}
	if home := get("HOME"); home != "" {
		names = append(names, filepath.Join(home, ".config", "rclone", "rclone.conf"), filepath.Join(home, ".rclone.conf"))
	}
	for _, name := range names {
		if info, err := os.Stat(name); err == nil && !info.IsDir() {
			return name
		}
	}
	return ""
}

func expandHome(name, home string) string {
	if home != "" && (name == "~" || strings.HasPrefix(name, "~/")) {
		return filepath.Join(home, name[1:])
	}
	return name
}

// unknownKeys would change what a request means, and are not understood.
var unknownKeys = []string{"sse_customer_key", "sse_customer_key_base64", "sse_customer_algorithm", "requester_pays", "v2_auth", "use_accelerate_endpoint", "role_arn"}

// variableKeys are the keys that variables can give, RCLONE_CONFIG_SECTION_KEY, as for rclone.
var variableKeys = append([]string{
	"type", "provider", "access_key_id", "secret_access_key", "session_token", "endpoint", "region", "env_auth", "shared_credentials_file", "profile",
	"force_path_style", "ca_cert", "no_check_certificate", "no_check_bucket", "upload_cutoff", "chunk_size", "acl", "storage_class",
	"server_side_encryption", "sse_kms_key_id", "remote", "upstreams",
}, unknownKeys...)

// fromVariables adds what variables say about a section; they count more than the file.
func fromVariables(section string, keys map[string]string, env func(string) (string, bool)) (map[string]string, bool) {
	prefix := "RCLONE_CONFIG_" + strings.ToUpper(strings.ReplaceAll(section, "-", "_")) + "_"
	found := false
	for _, key := range variableKeys {
		if v, ok := env(prefix + strings.ToUpper(key)); ok {
			if !found {
				keys = maps.Clone(keys)
			}
			if keys == nil {
				keys = map[string]string{}
			}
			found, keys[key] = true, v
		}
	}
	return keys, found || keys != nil
}

// ReadRclone reads every S3 section of an rclone configuration file. Sections of other types are left
// out: naming one is an error of [Config.Profile].
func ReadRclone(name string) (map[string]Profile, error) {
	sections, err := rcloneSections(name)
	if err != nil {
		return nil, err
	}
	profiles := map[string]Profile{}
	for section, keys := range sections {
		if p, err := rcloneProfile(name, section, keys); err == nil {
			profiles[section] = p
		}
	}
	return profiles, nil
}

func rcloneSections(name string) (map[string]map[string]string, error) {
	text, err := readBounded(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProfile, err)
	}
	if strings.Contains(string(text[:min(len(text), 4096)]), "RCLONE_ENCRYPT_V") {
		return nil, fmt.Errorf("%w: %s is encrypted; write a copy without a password with `rclone config encryption remove`, or a small file with this section alone, and name it in RCLONE_CONFIG", ErrProfile, name)
	}
	// Values are taken as they stand: ` and # and ; may be part of a key.
	file, err := ini.LoadSources(ini.LoadOptions{
		IgnoreInlineComment: true, IgnoreContinuation: true, KeyValueDelimiters: "=", PreserveSurroundedQuote: true,
	}, text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrProfile, name, err)
	}
	sections := map[string]map[string]string{}
	for _, s := range file.Sections() {
		if s.Name() != ini.DefaultSection {
			sections[s.Name()] = s.KeysHash()
		}
	}
	return sections, nil
}

func rcloneProfile(file, section string, keys map[string]string) (Profile, error) {
	where := fmt.Sprintf("%s, section [%s]", file, section)
	if t := keys["type"]; t != "s3" {
		if keys["remote"] != "" || keys["upstreams"] != "" {
			return Profile{}, fmt.Errorf("%w: %s has type = %s, which stands on another section; wanted type = s3: name the S3 section itself and write its bucket in the path", ErrProfile, where, t)
		}
		return Profile{}, fmt.Errorf("%w: %s has type = %s, wanted type = s3", ErrProfile, where, orWord(t, "(nothing)"))
	}
	p := Profile{
		Name: section, Provider: keys["provider"], Endpoint: keys["endpoint"], Region: keys["region"],
		AccessKeyID: keys["access_key_id"], SecretAccessKey: keys["secret_access_key"], SessionToken: keys["session_token"],
		SharedFile: keys["shared_credentials_file"], SharedProfile: keys["profile"],
		ACL: keys["acl"], StorageClass: keys["storage_class"], Encryption: keys["server_side_encryption"], EncryptionKey: keys["sse_kms_key_id"],
		CACert: keys["ca_cert"], UploadCutoff: keys["upload_cutoff"], ChunkSize: keys["chunk_size"],
		ForcePathStyle: true,
	}
	for key, field := range map[string]*bool{"force_path_style": &p.ForcePathStyle, "env_auth": &p.EnvAuth, "no_check_certificate": &p.SkipVerify, "no_check_bucket": &p.NoCheckBucket} {
		text, ok := keys[key]
		if !ok || text == "" {
			continue
		}
		v, err := strconv.ParseBool(text)
		if err != nil {
			return Profile{}, fmt.Errorf("%w: %s has %s = %s, wanted true or false", ErrProfile, where, key, text)
		}
		*field = v
	}
	for _, key := range unknownKeys {
		if v := keys[key]; v != "" && v != "false" {
			return Profile{}, fmt.Errorf("%w: %s has %s, which is not understood: %s", ErrProfile, where, key, "remove it, or reach the bucket in another way")
		}
	}
	if p.Encryption != "" && p.Encryption != "AES256" && p.Encryption != "aws:kms" {
		return Profile{}, fmt.Errorf("%w: %s has server_side_encryption = %s, wanted AES256 or aws:kms", ErrProfile, where, p.Encryption)
	}
	if (p.AccessKeyID == "") != (p.SecretAccessKey == "") {
		return Profile{}, fmt.Errorf("%w: %s has only one of access_key_id and secret_access_key; write both, or neither for anonymous access", ErrProfile, where)
	}
	return p, nil
}

// readProfiles reads the profiles that settings name and checks each of them.
func (l *loader) readProfiles(c *Config) {
	env := l.lookup(c)
	c.RcloneFile = FindRcloneFile(env)
	c.profiles = map[string]Profile{}
	used := map[string]string{} // profile -> setting
	var order []string
	for _, s := range []struct{ setting, name string }{{"ERA5_PROFILE", c.ERA5Profile}, {"OUTPUT_PROFILE", c.OutputProfile}, {"ZARR_PROFILE", c.ZarrProfile}} {
		if s.name != "" && used[s.name] == "" {
			used[s.name] = s.setting
			order = append(order, s.name)
		}
	}
	var sections map[string]map[string]string
	var readErr error
	if c.RcloneFile != "" {
		if sections, readErr = rcloneSections(c.RcloneFile); readErr != nil && len(order) == 0 {
			return // nobody needs the file
		}
		for name, keys := range sections {
			if p, err := rcloneProfile(c.RcloneFile, name, keys); err == nil {
				c.profiles[name] = p
			}
		}
	}
	l.pathsWithProfiles(c, sections)
	for _, name := range order {
		fault := &Fault{Setting: used[name], Err: ErrProfile}
		keys, ok := sections[name]
		where := c.RcloneFile
		if keys, given := fromVariables(name, keys, env); given {
			if p, err := rcloneProfile(orWord(where, "RCLONE_CONFIG_*"), name, keys); err == nil {
				c.profiles[name] = p
				continue
			} else if where == "" || !ok {
				fault.Msg, fault.Err = fmt.Sprintf("names the profile %q: %v", name, err), err
				l.faults.add(fault)
				continue
			}
		}
		switch bare := strings.TrimSuffix(name, ":"); {
		case bare != name && sections[bare] != nil:
			fault.Msg = fmt.Sprintf("names the profile %q with a colon", name)
			fault.Mend = fmt.Sprintf("write %q", bare)
		case c.RcloneFile == "":
			fault.Msg = fmt.Sprintf("names the profile %q, but there is no rclone configuration file", name)
			fault.Mend = "write ~/.config/rclone/rclone.conf or name the file in RCLONE_CONFIG"
		case errors.Is(readErr, fs.ErrNotExist):
			fault.Msg = fmt.Sprintf("names the profile %q, but RCLONE_CONFIG names a file that does not exist: %s", name, c.RcloneFile)
			fault.Mend = "correct RCLONE_CONFIG"
		case readErr != nil:
			fault.Msg, fault.Err = fmt.Sprintf("names the profile %q: %v", name, readErr), readErr
		case !ok:
			fault.Msg = fmt.Sprintf("names the profile %q, but %s has no section [%s]", name, c.RcloneFile, name)
			fault.Mend = "add it with type = s3, access_key_id and secret_access_key"
		default:
			keys, _ := fromVariables(name, keys, env)
			_, err := rcloneProfile(c.RcloneFile, name, keys)
			fault.Msg, fault.Err = fmt.Sprintf("names the profile %q: %v", name, err), err
		}
		l.faults.add(fault)
	}
}

// pathsWithProfiles finds paths as rclone writes them, PROFILE:bucket/key: here the profile is a setting of its own.
func (l *loader) pathsWithProfiles(c *Config, sections map[string]map[string]string) {
	type use struct{ setting, profile, path string }
	uses := []use{{"OUTPUT_BUCKET", "OUTPUT_PROFILE and ZARR_PROFILE", c.OutputBucket}, {"ZARR_PATH", "ZARR_PROFILE", c.ZarrPath}, {"STATISTICS_PATH", "ZARR_PROFILE", c.StatisticsPath}}
	for _, root := range c.ERA5Roots {
		uses = append(uses, use{"ERA5_ROOTS", "ERA5_PROFILE", root})
	}
	for _, u := range uses {
		if name, rest, ok := strings.Cut(u.path, ":"); ok && sections[name] != nil {
			l.faults.add(&Fault{Setting: u.setting, Err: ErrProfile, Msg: fmt.Sprintf("is %q, with a profile in front", u.path), Mend: fmt.Sprintf("write %q here, and %q in %s", strings.TrimLeft(rest, "/"), name, u.profile)})
		}
	}
}
