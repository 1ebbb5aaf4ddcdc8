import { Duration, Effect, Layer, type LogLevel, References } from "effect"
import { HttpServer } from "effect/http"
import { connect, type Socket } from "node:net"
import { Deployer } from "../../src/deployer/Deployer.ts"
import { RepositoryName } from "../../src/domain/RepositoryName.ts"
import type { Watched } from "../../src/domain/Watched.ts"
import { RegistryClient } from "../../src/registry/RegistryClient.ts"
import { type Limits, limits } from "../../src/server/limits.ts"
import * as Server from "../../src/server/Server.ts"
import type { ServerSettings } from "../../src/server/ServerSettings.ts"
import { Leader } from "../../src/store/Leader.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { Tokens } from "../../src/store/Tokens.ts"

/** A watched repository; its image in the registry is `apps/NAME`. */
export const watches = (name: string, mode: Watched["mode"] = "act"): Watched => ({
  name: RepositoryName.make(name),
  registry: "main",
  image: `apps/${name}`,
  mapping: {
    job: { region: "", namespace: "default", job: name.replaceAll("/", "-") },
    group: undefined,
    tasks: [],
    imageNames: [`registry.example.com/apps/${name}`],
    imageForm: "digest"
  },
  policy: { _tag: "Semver" },
  drift: "hold",
  batch: "hold",
  canary: "manual",
  canarySoak: Duration.minutes(1),
  mode,
  fingerprint: `of ${name}`
})

export const settingsOf = (overrides: Partial<ServerSettings> = {}): ServerSettings => ({
  file: "config/test.toml",
  listen: { host: "127.0.0.1", port: 0 },
  allowUnauthenticated: false,
  database: "embedded",
  watched: [watches("api"), watches("team/api"), watches("planned", "plan")],
  brake: { share: 0.2, count: 5 },
  pollInterval: Duration.seconds(59),
  ...overrides
})

/** Serves until the scope ends, quietly unless said; answers the origin, `http://127.0.0.1:PORT`. */
export const serve = (
  settings: Partial<ServerSettings> = {},
  caps: Partial<Limits> = {},
  level: LogLevel.LogLevel = "None"
) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(Server.layer(settingsOf(settings), { ...limits, ...caps }))
    const { address } = yield* Effect.provideContext(HttpServer.HttpServer, context)
    if (address._tag === "UnixPathAddress") return yield* Effect.die("bound to no port")
    return `http://127.0.0.1:${address.port}`
  }).pipe(Effect.provideService(References.MinimumLogLevel, level))

/** For tests of what happens before any of these is asked; a call that the test did not expect is a defect. */
export const nothingBehind = Layer.mergeAll(
  Layer.mock(StateStore, {}),
  Layer.mock(Leader, { leads: Effect.succeed(false) }),
  Layer.mock(Tokens, { exist: Effect.succeed(false) }),
  Layer.mock(RegistryClient, {}),
  Layer.mock(Deployer, {})
)

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly body: unknown
}

export const request = (url: string, init: RequestInit = {}): Effect.Effect<Answer> =>
  Effect.promise(async (signal) => {
    const response = await fetch(url, { ...init, signal })
    const text = await response.text()
    const isJson = response.headers.get("content-type")?.includes("json") === true
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: isJson && text !== "" ? JSON.parse(text) : undefined
    }
  })

export const post = (url: string, body: unknown, init: RequestInit = {}) =>
  request(url, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body), ...init })

/** Everything a server says to bytes that no client library would send, until it closes. */
export const converse = (
  origin: string,
  talk: (socket: Socket) => void,
  localAddress = "127.0.0.1"
): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const { hostname: host, port } = new URL(origin)
    const socket = connect({ host, port: Number(port), localAddress }, () => talk(socket))
    let heard = ""
    socket.on("data", (chunk) => (heard += chunk.toString()))
    // A reset after the answer is what cutting a connection looks like from here.
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.succeed(heard)))
    return Effect.sync(() => socket.destroy())
  })
