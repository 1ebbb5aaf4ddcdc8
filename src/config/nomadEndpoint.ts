import { Array, Effect, FileSystem, Order, Redacted } from "effect"
import { join } from "node:path"
import type { NomadEndpoint } from "../domain/NomadEndpoint.ts"
import { type Findings, shown } from "./Findings.ts"
import { readPem } from "./readPem.ts"
import { readText } from "./readText.ts"
import { type Environment, variable } from "./variables.ts"

const redact = (text: string | undefined) => (text === undefined ? undefined : Redacted.make(text))

const isGoTrue = /^(?:1|t|T|TRUE|true|True)$/
const isGoFalse = /^(?:0|f|F|FALSE|false|False)$/

/** `http://host:4646`, or `unix:///path/api.sock`, whose path is the socket's; nothing besides. */
const parseAddress = (text: string): URL | undefined => {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  if (url.protocol === "unix:") {
    return url.href === `unix://${url.pathname}` && url.pathname.length > 1 ? url : undefined
  }
  return /^https?:$/.test(url.protocol) && url.href === `${url.origin}/` ? url : undefined
}

/**
 * From the variables that Nomad's own clients read (`nomad-api.md` §1.1); an empty one counts as not
 * set. In a task of Nomad's own, where no address is given, it is the Task API's socket, with the
 * token of the task's workload identity, from the environment or from a file.
 */
export const nomadEndpoint = Effect.fn("nomadEndpoint")(function* (
  environment: Environment,
  findings: Findings
) {
  const files = yield* FileSystem.FileSystem
  const get = (name: string) => variable(environment, name)
  const problem = (variable: string, expected: string, got: string) =>
    findings.problem({ source: variable, line: null }, "", expected, got)
  const pem = (variable: string, what: Parameters<typeof readPem>[1]) => {
    const path = get(variable)
    return path === undefined
      ? Effect.undefined
      : readPem(path, what, { source: variable, line: null }, "", findings)
  }
  /** Every file of the directory, as the Go client takes it. */
  const pemsIn = Effect.fnUntraced(function* (directory: string) {
    const names = yield* files.readDirectory(directory).pipe(
      Effect.catch((error) => {
        problem(
          "NOMAD_CAPATH",
          "a directory of PEM files",
          `${shown(directory)}, an error, ${error.reason._tag}`
        )
        return Effect.succeed([])
      })
    )
    const pems = yield* Effect.forEach(Array.sort(names, Order.String), (name) =>
      readPem(join(directory, name), "CERTIFICATE", { source: "NOMAD_CAPATH", line: null }, "", findings)
    )
    return pems.join("\n")
  })

  const secrets = get("NOMAD_SECRETS_DIR")
  const named = get("NOMAD_TOKEN_FILE")
  const token = named === undefined ? get("NOMAD_TOKEN") : undefined
  if (named !== undefined) {
    const found = yield* readText(named).pipe(
      Effect.catch((why) => {
        problem("NOMAD_TOKEN_FILE", "a file that can be read", `${shown(named)}, ${why}`)
        return Effect.undefined
      })
    )
    if (found?.trim() === "") problem("NOMAD_TOKEN_FILE", "a file with a token", `${shown(named)}, empty`)
  }
  // Where `identity { file = true }` puts the default identity.
  const written = secrets === undefined ? undefined : join(secrets, "nomad_token")
  const isWritten = written !== undefined && (yield* Effect.isSuccess(readText(written)))
  const tokenFile = named ?? (token === undefined && isWritten ? written : undefined)
  const hasToken = token !== undefined || tokenFile !== undefined
  const taskApi = secrets !== undefined && hasToken ? `unix://${join(secrets, "api.sock")}` : undefined
  if (get("NOMAD_ADDR") === undefined && secrets !== undefined && !hasToken) {
    const words =
      "not set: the Task API of this task needs `identity { env = true }` or `identity { file = true }`, or set NOMAD_ADDR"
    findings.warning({ source: "NOMAD_TOKEN", line: null }, "", words)
  }
  const addressText = get("NOMAD_ADDR") ?? taskApi ?? "http://127.0.0.1:4646"
  const address = parseAddress(addressText)
  if (address === undefined) {
    const expected = "http://HOST:PORT, https://HOST:PORT or unix:///PATH, the login apart in NOMAD_HTTP_AUTH"
    problem("NOMAD_ADDR", expected, shown(addressText))
  }

  const skipVerify = get("NOMAD_SKIP_VERIFY") ?? "false"
  if (!isGoTrue.test(skipVerify) && !isGoFalse.test(skipVerify)) {
    problem("NOMAD_SKIP_VERIFY", "true or false", shown(skipVerify))
  }
  if (isGoTrue.test(skipVerify)) {
    const words = "the certificate of Nomad is not verified"
    findings.warning({ source: "NOMAD_SKIP_VERIFY", line: null }, "", words)
  }
  const httpAuth = get("NOMAD_HTTP_AUTH")
  if (httpAuth !== undefined && !/^[^:]+:/.test(httpAuth)) {
    problem("NOMAD_HTTP_AUTH", "user:password", "a text (not shown: it may be a secret)")
  }
  const hasCert = get("NOMAD_CLIENT_CERT") !== undefined
  if (hasCert !== (get("NOMAD_CLIENT_KEY") !== undefined)) {
    const [given, missing] = hasCert
      ? (["NOMAD_CLIENT_CERT", "NOMAD_CLIENT_KEY"] as const)
      : (["NOMAD_CLIENT_KEY", "NOMAD_CLIENT_CERT"] as const)
    problem(given, `${missing} beside it`, "nothing")
  }
  const cert = yield* pem("NOMAD_CLIENT_CERT", "CERTIFICATE")
  const key = yield* pem("NOMAD_CLIENT_KEY", "PRIVATE KEY")
  const caFile = yield* pem("NOMAD_CACERT", "CERTIFICATE")
  const caPath = get("NOMAD_CAPATH")
  const ca = get("NOMAD_CACERT") === undefined && caPath !== undefined ? yield* pemsIn(caPath) : caFile

  const endpoint: NomadEndpoint = {
    address: address ?? new URL("http://127.0.0.1:4646"),
    token: redact(token),
    tokenFile,
    httpAuth: redact(httpAuth),
    region: get("NOMAD_REGION") ?? "",
    namespace: get("NOMAD_NAMESPACE") ?? "default",
    ca,
    clientCertificate:
      cert === undefined || key === undefined ? undefined : { cert, key: Redacted.make(key) },
    tlsServerName: get("NOMAD_TLS_SERVER_NAME"),
    skipVerify: isGoTrue.test(skipVerify),
    vaultToken: redact(get("VAULT_TOKEN"))
  }
  return endpoint
})
