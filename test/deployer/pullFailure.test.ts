import { assert, describe, it } from "@effect/vitest"
import { readPullFailure } from "../../src/deployer/nomad/readPullFailure.ts"
import { type Json, recording } from "./jobs.ts"

/** What the docker driver of a real agent said, by case. */
const docker = new Map(
  (recording("docker-failures-trimmed") as ReadonlyArray<Json>).map(({ case: name, Events }) => [
    name,
    (Events as ReadonlyArray<{ Details: { driver_error?: string } }>).find(
      ({ Details }) => Details.driver_error !== undefined
    )?.Details.driver_error ?? ""
  ])
)
const pull = (words: string) =>
  `Failed to pull \`reg.example.com/team/api:1\`: Error response from daemon: ${words}`

describe("S11: whose fault is it that an image could not be pulled", () => {
  it.each<[string, string, string]>([
    ["a tag that is not there (recorded)", docker.get("missing-tag") ?? "", "image: manifest unknown"],
    [
      "a repository that is not there (recorded)",
      docker.get("missing-repo") ?? "",
      "image: manifest unknown"
    ],
    [
      "a name that no engine takes (recorded)",
      docker.get("bad-form") ?? "",
      "image: invalid reference format: repository name must be lowercase"
    ],
    [
      "nobody listens (recorded)",
      docker.get("closed-port") ?? "",
      'surroundings: Get "http://127.0.0.1:5009/v2/": dial tcp 127.0.0.1:5009: connect: connection refused'
    ],
    [
      "no such host (recorded)",
      docker.get("no-such-host") ?? "",
      'surroundings: Get "https://nosuch.invalid/v2/": dial tcp: lookup nosuch.invalid on 10.255.255.53:53: no such host'
    ],
    [
      "a login is wanted (recorded)",
      docker.get("needs-auth") ?? "",
      'surroundings: Head "http://127.0.0.1:5001/v2/priv/app/manifests/v1": no basic auth credentials'
    ],
    [
      "a registry's 503",
      pull("received unexpected HTTP status: 503 Service Unavailable"),
      "surroundings: received unexpected HTTP status: 503 Service Unavailable"
    ],
    [
      "too many requests",
      pull("toomanyrequests: You have reached your pull rate limit."),
      "surroundings: toomanyrequests: You have reached your pull rate limit."
    ],
    ["a time-out", pull("context deadline exceeded"), "surroundings: context deadline exceeded"],
    [
      "denied, which Docker Hub says of both",
      pull(
        "pull access denied for team/api, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"
      ),
      "surroundings: pull access denied for team/api, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"
    ],
    [
      "a credential helper that is not there",
      pull(
        'error getting credentials - err: exec: "docker-credential-x": executable file not found in $PATH'
      ),
      'surroundings: error getting credentials - err: exec: "docker-credential-x": executable file not found in $PATH'
    ],
    ["a layer that is not there", pull("blob unknown: blob unknown to registry"), "image: blob unknown"],
    [
      "a repository that the registry does not know",
      pull("name unknown: repository name not known to registry"),
      "image: name unknown"
    ],
    [
      "no build for the node",
      pull("no matching manifest for linux/arm64/v8 in the manifest list entries"),
      "image: no matching manifest for linux/arm64/v8 in the manifest list entries"
    ],
    [
      "containerd's not found",
      pull('failed to resolve reference "reg.example.com/team/api:1": reg.example.com/team/api:1: not found'),
      'image: failed to resolve reference "reg.example.com/team/api:1": reg.example.com/team/api:1: not found'
    ],
    [
      "podman's driver",
      'rpc error: code = Unknown desc = failed to start task, unable to pull image reg.example.com/team/api:1 : unknown error, status code: 500: {"cause":"manifest unknown"}',
      "image: manifest unknown"
    ],
    [
      "containerd's driver",
      "Error in pulling image reg.example.com/team/api:1: dial tcp 10.0.0.1:443: i/o timeout",
      "surroundings: dial tcp 10.0.0.1:443: i/o timeout"
    ]
  ])("%s", (_, error, expected) => {
    const read = readPullFailure(error)
    assert.strictEqual(`${read?.blame}: ${read?.words.replace("image pull failed: ", "")}`, expected)
  })

  it.each([
    ["another failure of the driver", "failed to launch command with executor: no such program"],
    ["an image string that is none (recorded)", docker.get("docker") ?? ""],
    ["nothing", ""]
  ])("is no pull: %s", (_, error) => assert.isUndefined(readPullFailure(error)))
})
