package cli

import (
	"fmt"
	"strconv"
	"strings"

	"healpipe/config"
	"healpipe/storage"
)

// s3Options turns a profile of the rclone configuration into what storage takes. "" is a path that starts
// with s3:// and has no profile: then the AWS environment decides.
func s3Options(cfg *config.Config, name string) (storage.S3Options, error) {
	if name == "" {
		return storage.S3Options{}, nil
	}
	p, err := cfg.Profile(name)
	if err != nil {
		return storage.S3Options{}, err
	}
	o := storage.S3Options{
		Endpoint: p.Endpoint, Region: p.Region,
		AccessKey: p.AccessKeyID, SecretKey: p.SecretAccessKey, SessionToken: p.SessionToken,
		Anonymous: p.Anonymous(), CAFile: p.CACert, SkipVerify: p.SkipVerify,
		ACL: p.ACL, StorageClass: p.StorageClass, Encryption: p.Encryption, EncryptionKey: p.EncryptionKey,
	}
	if p.EnvAuth {
		o.CredentialsFile, o.CredentialsProfile = p.SharedFile, p.SharedProfile
	}
	o.Addressing = "virtual"
	if p.ForcePathStyle {
		o.Addressing = "path"
	}
	if p.ChunkSize != "" {
		if o.PartSize, err = parseSize(p.ChunkSize); err != nil {
			return o, fmt.Errorf("profile %q: chunk_size: %w", name, err)
		}
	}
	return o, nil
}

// parseSize reads a size as rclone writes it: 16M and 16Mi are both 16 MiB, a bare number is KiB.
func parseSize(s string) (int64, error) {
	shift := 10
	digits := strings.TrimSuffix(strings.TrimSuffix(s, "B"), "i")
	if n := len(digits); n > 0 {
		if unit := strings.IndexByte("BKMGT", digits[n-1]); unit >= 0 {
			shift, digits = 10*unit, digits[:n-1]
		}
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || n < 0 || n > 1<<20 {
		return 0, fmt.Errorf("%q is not a size such as 16Mi", s)
	}
	return int64(n * float64(int64(1)<<shift)), nil
}
