package storage

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// credentials follows the order of AWS's own tools.
func (opt S3Options) credentials() *credentials.Credentials {
	switch {
	case opt.Anonymous:
		return credentials.NewStatic("", "", "", credentials.SignatureAnonymous)
	case opt.AccessKey != "":
		return credentials.NewStaticV4(opt.AccessKey, opt.SecretKey, opt.SessionToken)
	}
	file := &credentials.FileAWSCredentials{Filename: opt.CredentialsFile, Profile: opt.CredentialsProfile}
	// A profile that is named counts, or fails; one named by an option goes before the keys in the environment.
	if name := cmp.Or(opt.CredentialsProfile, os.Getenv("AWS_PROFILE")); name != "" && (opt.CredentialsProfile != "" || os.Getenv("AWS_ACCESS_KEY_ID") == "") {
		return credentials.New(&namedProfile{FileAWSCredentials: file, name: name})
	}
	chain := []credentials.Provider{&credentials.EnvAWS{}, file}
	if opt.CredentialsFile != "" {
		chain = []credentials.Provider{file, &credentials.EnvAWS{}}
	}
	if role := machineRole(); role != nil {
		chain = append(chain, role)
	}
	return credentials.NewChainCredentials(chain)
}

// namedProfile is a section of the shared files that was asked for by name: what keeps it from giving keys is an error,
// where the chain would go on and end without a signature.
type namedProfile struct {
	*credentials.FileAWSCredentials
	name string
}

// RetrieveWithCredContext implements credentials.Provider.
func (p *namedProfile) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	v, err := p.FileAWSCredentials.RetrieveWithCredContext(cc)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		err = fmt.Errorf("its credential_process failed: %w", err) // without its output
	case err == nil && v.AccessKeyID == "":
		err = errors.New("no keys in it; one with role_arn or source_profile needs the line credential_process = aws configure export-credentials --profile NAME --format process")
	}
	if err != nil {
		return credentials.Value{}, fmt.Errorf("the AWS profile %q gives no keys: %v", p.name, err) // no %w: a missing file of its own is no missing object
	}
	return v, nil
}

// machineRole asks whoever gives this machine its role: the token service for a service account's token, the container's
// agent, else the instance's metadata service. Their addresses may be set as for AWS's own tools.
func machineRole() credentials.Provider {
	role := &credentials.IAM{Client: &http.Client{Timeout: 5 * time.Second}}
	switch {
	case os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE") != "":
		role.Endpoint = os.Getenv("AWS_ENDPOINT_URL_STS")
	case os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != "", os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI") != "":
	case strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true"):
		return nil
	default:
		role.Endpoint = strings.TrimSuffix(os.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT"), "/")
	}
	return role
}
