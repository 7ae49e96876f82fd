package storage

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"
)

// S3Options say how to reach an S3 service. The zero value is AWS with what its own tools would use.
type S3Options struct {
	// Endpoint is a URL or host[:port] (then https). "" is AWS: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, or
	// Amazon's own.
	Endpoint string
	// Region; "" is AWS_REGION, AWS_DEFAULT_REGION, else the bucket's own on AWS and us-east-1 elsewhere.
	Region string
	// AccessKey, SecretKey and SessionToken. Without an AccessKey they come from the AWS environment
	// variables, the shared credentials file, or the role of the instance, container or service account.
	AccessKey, SecretKey, SessionToken string
	// CredentialsFile and CredentialsProfile name another shared credentials file or another section of it.
	CredentialsFile, CredentialsProfile string
	// Anonymous sends unsigned requests, as public buckets take them.
	Anonymous bool
	// Addressing is "path", "virtual" (the bucket in the host name) or "" for what fits the endpoint.
	Addressing string
	// CAFile holds PEM certificates of authorities to trust beside the system's own; "" is AWS_CA_BUNDLE.
	CAFile string
	// ACL, StorageClass, Encryption ("AES256" or "aws:kms") and EncryptionKey (the id of a KMS key) are for what is
	// written; "" leaves each to the bucket.
	ACL, StorageClass, Encryption, EncryptionKey string
	// SkipVerify accepts any certificate, as rclone's no_check_certificate does.
	SkipVerify bool
	// PartSize is the length of a part of a multipart upload in bytes, at least 5 MiB; 0 is 16 MiB.
	PartSize int64
	// Patience is how long an operation that makes no progress is tried again; 0 is two minutes.
	Patience time.Duration
	// Stall is how long a response may pause before the connection is given up; 0 is 30 s.
	Stall time.Duration
	// Monitor counts requests and bytes; nil is nobody. An Opener sets it.
	Monitor *Monitor
}

// S3Client is a connection pool to one service with one set of credentials.
type S3Client struct {
	opt     S3Options
	sse     encrypt.ServerSide // of what is written; nil leaves it to the bucket
	core    minio.Core
	uploads *minio.Client // tries parts of uploads again for as long as Patience says: their source cannot be read twice
}

// NewS3Client checks the options and prepares the connection; it sends nothing.
func NewS3Client(opt S3Options) (*S3Client, error) {
	opt.PartSize = cmp.Or(opt.PartSize, 16<<20)
	opt.Patience = cmp.Or(opt.Patience, 2*time.Minute)
	opt.Stall = cmp.Or(opt.Stall, 30*time.Second)
	if opt.PartSize < 5<<20 {
		return nil, fmt.Errorf("S3 part size %d: at least 5 MiB", opt.PartSize)
	}
	opt.CAFile = cmp.Or(opt.CAFile, os.Getenv("AWS_CA_BUNDLE"))
	sse, err := opt.serverSide()
	if err != nil {
		return nil, err
	}
	endpoint := cmp.Or(opt.Endpoint, os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"))
	host, secure, err := parseEndpoint(endpoint)
	if err != nil {
		return nil, err
	}
	transport, err := opt.transport()
	if err != nil {
		return nil, err
	}
	lookup, ok := map[string]minio.BucketLookupType{
		"": minio.BucketLookupAuto, "path": minio.BucketLookupPath, "virtual": minio.BucketLookupDNS,
	}[opt.Addressing]
	if !ok {
		return nil, fmt.Errorf("S3 addressing %q: path, virtual, or nothing", opt.Addressing)
	}
	region := cmp.Or(opt.Region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	if region == "" && endpoint != "" {
		region = "us-east-1" // what services other than AWS take; saves asking for the bucket's
	}
	o := &minio.Options{
		Creds:        opt.credentials(),
		Secure:       secure,
		Transport:    s3Transport{transport, opt.Monitor},
		Region:       region,
		BucketLookup: lookup,
	}
	newClient := func(retries int) (*minio.Client, error) {
		o.MaxRetries = retries
		client, err := minio.New(host, o)
		if err != nil {
			return nil, fmt.Errorf("S3 endpoint %q: %w", endpoint, err)
		}
		client.SetAppInfo("healpipe", "1")
		return client, nil
	}
	client, err := newClient(3) // short disturbances; S3.retry is for longer ones
	if err != nil {
		return nil, err
	}
	uploads, err := newClient(3 + int(opt.Patience/(500*time.Millisecond))) // its waits are half a second on average
	if err != nil {
		return nil, err
	}
	return &S3Client{opt: opt, sse: sse, core: minio.Core{Client: client}, uploads: uploads}, nil
}

// serverSide is how the service is to encrypt what is written.
func (opt S3Options) serverSide() (encrypt.ServerSide, error) {
	switch opt.Encryption {
	case "":
		return nil, nil
	case "AES256":
		return encrypt.NewSSE(), nil
	case "aws:kms":
		return encrypt.NewSSEKMS(opt.EncryptionKey, nil)
	}
	return nil, fmt.Errorf("S3 server-side encryption %q: AES256, aws:kms, or nothing", opt.Encryption)
}

// parseEndpoint splits an endpoint into what minio takes.
func parseEndpoint(endpoint string) (host string, secure bool, err error) {
	if endpoint == "" {
		return "s3.amazonaws.com", true, nil
	}
	if !strings.Contains(endpoint, "://") {
		endpoint = "https://" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", false, fmt.Errorf("S3 endpoint %q: write https://host, http://host:port, or host", endpoint)
	}
	if strings.Trim(u.Path, "/") != "" || u.User != nil || u.RawQuery != "" {
		return "", false, fmt.Errorf("S3 endpoint %s://%s: nothing may follow the host", u.Scheme, u.Host)
	}
	return u.Host, u.Scheme == "https", nil
}

// S3 is a Storage in a bucket, below a prefix that may be empty.
type S3 struct {
	client *S3Client
	bucket string
	prefix string // "" or with a slash at its end

	locks     lockTable // for services without conditional writes
	mu        sync.Mutex
	abilities *s3Abilities // nil until they are needed first
}

var (
	_ Storage     = (*S3)(nil)
	_ conditional = (*S3)(nil)
)

// Bucket returns the Storage of a bucket, below a prefix (a folder; "" is the whole bucket).
func (c *S3Client) Bucket(bucket, prefix string) (*S3, error) {
	if bucket == "" {
		return nil, errors.New("S3 path without a bucket: write bucket/key or s3://bucket/key")
	}
	return &S3{client: c, bucket: bucket, prefix: dirPrefix(prefix)}, nil
}

// String implements Storage.
func (s *S3) String() string { return "s3://" + strings.TrimSuffix(s.bucket+"/"+s.prefix, "/") }

// path names an object in messages.
func (s *S3) path(key string) string { return strings.TrimSuffix(Join(s.String(), key), "/") }

// name is an object's key in the bucket.
func (s *S3) name(key string) string { return s.prefix + key }

// info translates the service's description.
func (s *S3) info(key string, o minio.ObjectInfo) Info {
	return Info{Key: key, Size: o.Size, ETag: o.ETag, ModTime: o.LastModified}
}
