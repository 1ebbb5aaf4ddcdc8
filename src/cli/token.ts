import { Clock, Console, Duration, Effect, Option, Redacted } from "effect"
import type { Config } from "../config/Config.ts"
import { nearest } from "../config/nearest.ts"
import { type Principal, Tokens } from "../store/Tokens.ts"
import { printTable } from "./printTable.ts"
import { Refused } from "./Refused.ts"

const units = { m: Duration.minutes, h: Duration.hours, d: Duration.days }

/** `90d`, `12h` or `30m`. */
export const parseLifetime = (text: string): Option.Option<Duration.Duration> => {
  const [, amount, unit] = /^([1-9]\d{0,4})([mhd])$/.exec(text) ?? []
  return amount === undefined ? Option.none() : Option.some(units[unit as keyof typeof units](Number(amount)))
}

/** Prints the token alone on stdout, and what it may on stderr. */
export const createToken = Effect.fn("createToken")(function* (
  config: Config,
  principal: Principal,
  lifetime: Option.Option<Duration.Duration>
) {
  const watched = config.watched.map(({ name }) => String(name))
  for (const name of principal.repositories ?? []) {
    if (watched.includes(name)) continue
    const near = nearest(name, watched)
    const hint = near === undefined ? "" : `; did you mean ${near}?`
    const message = `${config.file} watches no repository ${JSON.stringify(name)}${hint}`
    return yield* new Refused({ message })
  }
  const tokens = yield* Tokens
  const now = yield* Clock.currentTimeMillis
  const expires = Option.match(lifetime, {
    onNone: () => null,
    onSome: (lifetime) => new Date(now + Duration.toMillis(lifetime))
  })
  const token = yield* tokens.create(principal, expires)
  if (token === null) {
    const message = `a token ${JSON.stringify(principal.name)} exists; revoke it first, or take another name`
    return yield* new Refused({ message })
  }
  yield* Console.log(Redacted.value(token))
  const until = expires === null ? "never expires" : `expires ${expires.toISOString()}`
  const may = `role ${principal.role}, ${principal.repositories?.join(", ") ?? "every repository"}`
  yield* Console.error(`${principal.name}: ${may}, ${until}. It is shown this once.`)
})

const day = (date: Date | null): string => date?.toISOString().replace(/:\d\d\.\d+Z$/, "Z") ?? "-"

/** Prints a line for each token, the revoked and expired ones among them; never a token. */
export const listTokens = Effect.fn("listTokens")(function* () {
  const tokens = yield* Tokens
  yield* printTable([
    ["NAME", "ROLE", "REPOSITORIES", "CREATED", "EXPIRES", "REVOKED"],
    ...(yield* tokens.list).map(({ name, role, repositories, createdAt, expires, revoked }) => [
      name,
      role,
      repositories?.join(",") ?? "*",
      day(createdAt),
      day(expires),
      day(revoked)
    ])
  ])
})

export const revokeToken = Effect.fn("revokeToken")(function* (name: string) {
  const tokens = yield* Tokens
  if (yield* tokens.revoke(name)) return yield* Console.error(`${name}: revoked`)
  const message = `there is no token ${JSON.stringify(name)} that is not revoked`
  return yield* new Refused({ message })
})
