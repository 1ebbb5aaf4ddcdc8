import { generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto"
import { isObject, type JsonObject, parseJson, textOf } from "./Json.ts"

/** What a token says of the task that holds it, all that the servers look at. */
export interface Claims {
  readonly allocation: string
  readonly task: string
  /** Seconds since 1970; `undefined` without a TTL. */
  readonly expiresAt: number | undefined
}

/** What a token is made of. Times are seconds. */
export interface Identity {
  readonly namespace: string
  readonly job: string
  readonly group: string
  readonly allocation: string
  readonly task: string
  readonly name: string
  readonly audience: ReadonlyArray<string>
  readonly issuedAt: number
  readonly expiresAt: number | undefined
  readonly id: string
}

const keyId = "simulated"
const base64 = (text: string): string => Buffer.from(text).toString("base64url")

/** Signs and reads the tokens of tasks as the servers' keyring does: RS256. The key is made when first asked for. */
export const makeIdentities = () => {
  let keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject } | undefined
  const keyring = () => (keys ??= generateKeyPairSync("rsa", { modulusLength: 2048 }))

  const mint = (identity: Identity): string => {
    const { namespace, job, group, allocation, task, name, audience, issuedAt, expiresAt, id } = identity
    const claims = {
      aud: audience.length === 1 ? audience[0] : audience,
      ...(expiresAt === undefined ? {} : { exp: expiresAt }),
      iat: issuedAt,
      jti: id,
      nbf: issuedAt,
      nomad_allocation_id: allocation,
      nomad_job_id: job,
      nomad_namespace: namespace,
      nomad_task: task,
      sub: `global:${namespace}:${job}:${group}:${task}:${name}`
    }
    const head = base64(JSON.stringify({ alg: "RS256", kid: keyId, typ: "JWT" }))
    const signed = `${head}.${base64(JSON.stringify(claims))}`
    return `${signed}.${sign("sha256", Buffer.from(signed), keyring().privateKey).toString("base64url")}`
  }

  /** What it claims, or why it is none of ours, in the servers' words. */
  const read = (token: string): Claims | string => {
    const [head = "", body = "", signature] = token.split(".")
    if (signature === undefined || !/^[\w-]+$/.test(head + body + signature)) {
      return "failed to parse signed token: illegal base64 data at input byte 0"
    }
    const isOurs = verify(
      "sha256",
      Buffer.from(`${head}.${body}`),
      keyring().publicKey,
      Buffer.from(signature, "base64url")
    )
    if (!isOurs) return "invalid signature: crypto/rsa: verification error"
    const value = parseJson(Buffer.from(body, "base64url").toString())
    const claims: JsonObject = isObject(value) ? value : {}
    return {
      allocation: textOf(claims["nomad_allocation_id"]),
      task: textOf(claims["nomad_task"]),
      expiresAt: typeof claims["exp"] === "number" ? claims["exp"] : undefined
    }
  }

  return { mint, read }
}
