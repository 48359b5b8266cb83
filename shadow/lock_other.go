//go:build !unix

package shadow

import "os"

// takeLock does nothing here: keep two processes off one folder.
func takeLock(*os.File) error { return nil }
