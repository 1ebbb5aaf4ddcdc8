import { Effect, FileSystem, PlatformError } from "effect"
import { loadConfig } from "../../src/config/loadConfig.ts"
import type { Environment } from "../../src/config/variables.ts"

/** Where `load` finds the text it is given. */
export const file = "config/x.toml"

/** A file that says that it is a certificate or a key: more is not asked of it here. */
export const pem = (what: string): string => `-----BEGIN ${what}-----\nMAo=\n-----END ${what}-----\n`

/** Files by their path, and nothing else. */
export const filesOf = (files: Readonly<Record<string, string>>) =>
  FileSystem.layerNoop({
    readFileString: (path) => {
      const text = files[path]
      if (text !== undefined) return Effect.succeed(text)
      return Effect.fail(
        PlatformError.systemError({
          _tag: "NotFound",
          module: "FileSystem",
          method: "readFile",
          pathOrDescriptor: path
        })
      )
    },
    readDirectory: (path) =>
      Effect.succeed(
        Object.keys(files).flatMap((name) =>
          name.startsWith(`${path}/`) ? [name.slice(path.length + 1)] : []
        )
      )
  })

/** `loadConfig` of a text, in an environment and beside files that are nothing but what is given. */
export const load = (
  toml: string,
  environment: Environment = {},
  files: Readonly<Record<string, string>> = {}
) => loadConfig(file, environment).pipe(Effect.provide(filesOf({ ...files, [file]: toml })))

/** A configuration with nothing wrong in it. */
export const sound = `server_listening_address = "127.0.0.1:8080"
poll_interval = "59s"
watched_repositories = ["api", "web"]
database_url = "postgresql://user:password@db.example.com/registrywatcher"

[registry_map.hub]
registry_domain = "registry-1.docker.io"
registry_prefix = "team"

[registry_map.ghcr]
registry_domain = "ghcr.io"

[repo_map.api]
registry_name = "hub"
nomad_job_name = "api"
nomad_task_name = "server"

[repo_map.web]
registry_name = "ghcr"
nomad_job_name = "web"
`
