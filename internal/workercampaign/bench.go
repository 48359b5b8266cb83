package main

import "context"

func bench(ctx context.Context, o options, n int) error { return nil }
