import { Effect, type Scope } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"

export const onPath = (name: string): string | undefined =>
  (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })

/** The file of a real part; where it is missing the run says so, and fails under `REQUIRE_REAL=1`. */
export const realPart = (name: string): string | undefined => {
  const file = onPath(name)
  if (file === undefined) {
    if (process.env["REQUIRE_REAL"] === "1") throw new Error(`${name} is required, and not on PATH`)
    process.stderr.write(`\nNOT RUN against a real ${name}: it is not on PATH\n`)
  }
  return file
}

export interface DockerRegistryOptions {
  /** Folder of the images; registries may share one. A fresh one unless said. */
  readonly storage?: string
  readonly htpasswd?: { readonly user: string; readonly password: string }
  readonly token?: {
    readonly realm: URL
    readonly service: string
    readonly issuer: string
    readonly certFile: string
  }
  readonly tls?: { readonly certFile: string; readonly keyFile: string; readonly clientCaFile?: string }
}

export interface DockerRegistry {
  readonly origin: URL
  readonly storage: string
  /** Its own counts, in Prometheus's words. */
  readonly metrics: URL
}

/** A folder that goes at the end of the scope. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "rw-registry-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const freePort = Effect.callback<number>((resume) => {
  const probe = createServer()
  probe.listen(0, "127.0.0.1", () => {
    const address = probe.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    probe.close(() => resume(Effect.succeed(port)))
  })
})

// The shell ends the registry when its own input ends: also when vitest was killed.
const script = `"$@" & server=$!; read -r _; kill -TERM $server; wait $server`

/** A real docker-registry on a free port of 127.0.0.1, ended by its own process id with the scope. */
export const dockerRegistry = (
  options: DockerRegistryOptions = {}
): Effect.Effect<DockerRegistry, never, Scope.Scope> =>
  Effect.gen(function* () {
    const folder = yield* temporaryFolder
    const storage = options.storage ?? join(folder, "storage")
    const port = yield* freePort
    const metricsPort = yield* freePort
    const file = join(folder, "config.yml")
    // JSON is YAML.
    writeFileSync(file, JSON.stringify(configuration(options, folder, storage, port, metricsPort)))
    yield* Effect.acquireRelease(
      Effect.callback<() => Promise<void>>((resume) => {
        const child = spawn("/bin/sh", ["-c", script, "sh", "docker-registry", "serve", file], {
          stdio: ["pipe", "ignore", "pipe"],
          env: { PATH: process.env["PATH"], OTEL_TRACES_EXPORTER: "none" }
        })
        const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()))
        let said = ""
        child.stderr.on("data", (chunk: Buffer) => {
          said = `${said}${chunk.toString()}`.slice(-10_000)
          if (said.includes("listening on ")) {
            resume(
              Effect.succeed(() => {
                child.stdin.end()
                return ended
              })
            )
          }
        })
        child.once("exit", () => resume(Effect.die(new Error(`docker-registry ended: ${said}`))))
      }),
      (stop) => Effect.promise(stop)
    )
    const scheme = options.tls === undefined ? "http" : "https"
    return {
      origin: new URL(`${scheme}://127.0.0.1:${port}`),
      storage,
      metrics: new URL(`http://127.0.0.1:${metricsPort}/metrics`)
    }
  })

const configuration = (
  options: DockerRegistryOptions,
  folder: string,
  storage: string,
  port: number,
  metricsPort: number
) => {
  const { htpasswd, token, tls } = options
  const auth: Record<string, unknown> = {}
  if (htpasswd !== undefined) {
    const path = join(folder, "htpasswd")
    const { user, password } = htpasswd
    // bcrypt at its cheapest: at cost 10 each request takes 150 ms.
    writeFileSync(path, execFileSync("htpasswd", ["-nbB", "-C", "4", user, password]))
    auth["htpasswd"] = { realm: 'Registry "Realm", x', path }
  }
  if (token !== undefined) {
    const { realm, service, issuer, certFile } = token
    auth["token"] = { realm: realm.href, service, issuer, rootcertbundle: certFile }
  }
  return {
    version: 0.1,
    log: { level: "info", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: storage }, delete: { enabled: true } },
    http: {
      addr: `127.0.0.1:${port}`,
      secret: "of the tests",
      debug: { addr: `127.0.0.1:${metricsPort}`, prometheus: { enabled: true, path: "/metrics" } },
      ...(tls && {
        tls: {
          certificate: tls.certFile,
          key: tls.keyFile,
          ...(tls.clientCaFile !== undefined && { clientcas: [tls.clientCaFile] })
        }
      })
    },
    ...(Object.keys(auth).length > 0 && { auth })
  }
}
