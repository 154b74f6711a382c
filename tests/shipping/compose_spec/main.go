// compose_spec resolves a compose file as `docker compose config` does, with the library that Docker Compose itself is
// built on: schema, interpolation from the environment alone, profiles, consistency. Prints the project as JSON.
//
// usage: compose_spec FILE [PROFILE...]
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	options, err := cli.NewProjectOptions(
		os.Args[1:2],
		cli.WithOsEnv,
		cli.WithProfiles(os.Args[2:]),
		cli.WithInterpolation(true),
		cli.WithNormalization(true),
		cli.WithConsistency(true),
		cli.WithResolvedPaths(true),
	)
	if err == nil {
		err = show(options)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func show(options *cli.ProjectOptions) error {
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	shown, err := project.MarshalJSON()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(shown)
	return err
}
