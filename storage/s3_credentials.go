package storage

import (
	"net/http"
	"os"
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
	chain := []credentials.Provider{&credentials.EnvAWS{}, file}
	if opt.CredentialsFile != "" || opt.CredentialsProfile != "" { // named: goes before the environment
		chain = []credentials.Provider{file, &credentials.EnvAWS{}}
	}
	if role := machineRole(); role != nil {
		chain = append(chain, role)
	}
	return credentials.NewChainCredentials(chain)
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
