package zarr

import (
	"context"
	"fmt"
)

// parseMetadataV2 reads the documents .zarray and .zattrs in the terms of version 3.
func parseMetadataV2(doc, attrs object) (*metadata, error) {
	return nil, fmt.Errorf("%w: version 2", ErrUnsupported)
}

// readAllV2 reads a version 2 group's consolidated metadata, .zmetadata; nil without.
func readAllV2(ctx context.Context, s Store, path string) (map[string]node, error) {
	return nil, nil
}
