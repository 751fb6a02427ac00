package command

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/statusway/statusway/server/internal/app"
	"github.com/statusway/statusway/server/internal/config"
)

type openapiSettings struct {
	descriptors   string
	serviceConfig string
	policy        string
	publicURL     string
	format        string
}

func newOpenAPI(streams Streams) *cobra.Command {
	var settings openapiSettings
	cmd := &cobra.Command{
		Use:   "openapi",
		Short: "Write the OpenAPI 3.1 document of an API",
		Long: "openapi writes the OpenAPI document of an API: every route, with every response that the policy allows, its header\n" +
			"fields and its body. Without --descriptors it describes the reference services. A server has its own document at\n" +
			"/openapi.json and /openapi.yaml, and a page for people at /openapi.",
		Example: `  statusway openapi --format yaml
  buf build -o api.binpb && statusway openapi --descriptors api.binpb --public-url https://api.example.com > openapi.json`,
		Args:    noArguments,
		PreRunE: fromEnvironment,
		RunE: func(*cobra.Command, []string) error {
			text, err := writeOpenAPI(settings)
			if err != nil {
				return err
			}
			if _, err := streams.Out.Write(text); err != nil {
				return fmt.Errorf("writing the document: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&settings.descriptors, "descriptors", "",
		"`file` of a FileDescriptorSet with all imports, from buf or protoc (default the reference services)")
	cmd.Flags().StringVar(&settings.serviceConfig, "service-config", "", "`file` of a google.api.Service in YAML, whose http rules replace those of the protos")
	cmd.Flags().StringVar(&settings.policy, "policy", "documented", "documented, canonical, or the `file` of a policy")
	cmd.Flags().StringVar(&settings.publicURL, "public-url", "http://127.0.0.1:8080", "`URL` under which clients reach the API")
	cmd.Flags().StringVar(&settings.format, "format", "json", "`json` or yaml")
	return cmd
}

func writeOpenAPI(settings openapiSettings) ([]byte, error) {
	switch {
	case settings.format != "json" && settings.format != "yaml":
		return nil, usage(fmt.Errorf("--format is json or yaml, not %q", settings.format))
	case settings.serviceConfig != "" && settings.descriptors == "":
		return nil, usage(errors.New("--service-config needs --descriptors"))
	}
	if err := config.CheckURL("--public-url", settings.publicURL); err != nil {
		return nil, usage(err)
	}
	table, err := loadPolicy(settings.policy)
	if err != nil {
		return nil, err
	}
	document, err := app.Document(app.DocumentParams{
		Descriptors: settings.descriptors, ServiceConfig: settings.serviceConfig, Demo: false, Table: table, PublicURL: settings.publicURL,
	})
	if err != nil {
		return nil, err
	}
	if settings.format == "yaml" {
		return document.YAML()
	}
	return document.JSON(), nil
}
