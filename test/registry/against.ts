import { Effect, Layer, Redacted } from "effect"
import type { RegistryEndpoint } from "../../src/domain/RegistryEndpoint.ts"
import { Tag } from "../../src/domain/Tag.ts"
import { RegistryClient } from "../../src/registry/RegistryClient.ts"
import type { RegistryLimits } from "../../src/registry/RegistryLimits.ts"
import { RegistrySimulator, type RegistrySimulatorOptions } from "../../src/sim/RegistrySimulator.ts"

/** An anonymous endpoint named `local`, but for what is said. */
export const endpoint = (
  origin: URL | string,
  more: Partial<RegistryEndpoint> & { readonly user?: string; readonly password?: string } = {}
): RegistryEndpoint => ({
  name: "local",
  origin: new URL(origin),
  credentials:
    more.user === undefined ? undefined : { user: more.user, password: Redacted.make(more.password ?? "") },
  authRealms: [],
  ca: undefined,
  insecure: false,
  clientCertificate: undefined,
  proxy: undefined,
  ...more
})

/** A client whose only registry is `local`. */
export const clientOf = (registry: RegistryEndpoint, limits?: Partial<RegistryLimits>) =>
  RegistryClient.layer(new Map([["local", registry]]), limits)

/** The simulator, and a client of it. */
export const simulated = (
  options: RegistrySimulatorOptions = {},
  more: Parameters<typeof endpoint>[1] = {},
  limits?: Partial<RegistryLimits>
) =>
  Layer.unwrap(Effect.map(RegistrySimulator, ({ origin }) => clientOf(endpoint(origin, more), limits))).pipe(
    Layer.provideMerge(RegistrySimulator.layer(options))
  )

export const api = { registry: "local", image: "team/api" }
export const tag = (text: string) => Tag.make(text)
