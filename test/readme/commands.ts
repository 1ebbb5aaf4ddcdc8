/** Commands of the documents that are not run by the test as they stand, by name, and why. */
export const notRun: Readonly<Record<string, string>> = {
  "npm run demo": "test/demo runs it",
  "npm test": "this is it",
  ...needs("a Docker that may pull images; test/deploy/image.ts runs the parts of it", [
    "docker compose up -d",
    "docker pull traefik/whoami:v1.11.0",
    "docker tag traefik/whoami:v1.11.0 127.0.0.1:5000/api:v1.0.0",
    "docker push 127.0.0.1:5000/api:v1.0.0",
    "docker compose down -v",
    "docker build -f deploy/Dockerfile -t REGISTRY/registrywatcher:0.1.0 .",
    "docker push REGISTRY/registrywatcher:0.1.0"
  ]),
  ...needs("a Nomad with ACLs and clients; test/deploy holds the files to its parser", [
    "nomad acl policy apply -namespace default -job registrywatcher registrywatcher deploy/policy.hcl",
    "nomad var put nomad/jobs/registrywatcher database_url=postgresql://USER:PASSWORD@HOST:5432/registrywatcher",
    "nomad job run -var image=REGISTRY/registrywatcher:0.1.0 deploy/registrywatcher.nomad.hcl",
    "nomad alloc exec -job registrywatcher node /app/registrywatcher.mjs doctor"
  ]),
  "DATABASE_URL=postgresql://USER:PASSWORD@HOST:5432/registrywatcher npm start -- token create ann --role admin":
    "the address of the reader's own Postgres; the same command is run under Tokens"
}

function needs(what: string, names: ReadonlyArray<string>): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, `needs ${what}`]))
}

/** Those that go on until Ctrl-C, each in a terminal of its own; what answers once they are there. */
export const stays: Readonly<Record<string, string>> = {
  "npm run simulate -- --registry 127.0.0.1:5000 --nomad 127.0.0.1:4646 --job deploy/rehearsal/api.json":
    "127.0.0.1:4646/v1/job/api",
  "npm start": "127.0.0.1:8080/health/ready"
}

/** Those that write on and on: what they write soon. */
export const goesOn: Readonly<Record<string, RegExp>> = {
  "curl -N 127.0.0.1:8080/v1/events": /^event: repository$/m
}

/** What the reader is to see, within a few seconds. */
export const shows: Readonly<Record<string, RegExp>> = {
  "npm start -- check-config": /nothing wrong/,
  "npm start -- plan": /^api +v1\.\d\.0 /m,
  "npm start -- token list": /^ann +operate +\* /m,
  [`curl -s 127.0.0.1:4646/v1/job/api | grep -o '"image":"[^"]*"'`]:
    /^"image":"127\.0\.0\.1:5000\/api:v1\.1\.0@sha256:[0-9a-f]{64}"$/m,
  [`curl -s 127.0.0.1:8080/v1/repositories/api | node -p 'JSON.parse(require("fs").readFileSync(0)).why'`]:
    /^api runs v1\.1\.0/m,
  [String.raw`curl -s 127.0.0.1:8080/v1/repositories | node -p 'JSON.parse(require("fs").readFileSync(0)).repositories.map((r) => r.name + ": " + r.why).join("\n")'`]:
    /^api: api runs v1\.1\.0/m,
  "curl -X POST 127.0.0.1:8080/v1/adopt": /"adopted":\{"api":\["[0-9a-f-]{36}"\]\}/,
  "curl 127.0.0.1:8080/ping/": /^\{"message":"pong"\}$/,
  "curl 127.0.0.1:8080/metrics": /^registrywatcher_leader 1$/m
}

/** Those that speak for what there is not, in what the reader did so far: how they are refused. */
export const refused: Readonly<Record<string, RegExp>> = {
  "curl -H 'If-Match: *' -X POST 127.0.0.1:8080/v1/repositories/api/accept-view": /is not suspect/,
  "curl -H 'If-Match: *' -X POST 127.0.0.1:8080/v1/repositories/api/adopt": /no marker that is unknown/,
  "curl -H 'If-Match: *' -X POST 127.0.0.1:8080/v1/repositories/api/attempts/$ID/abandon":
    /only one whose outcome is unknown is abandoned/,
  "curl -H 'If-Match: *' -X POST 127.0.0.1:8080/v1/repositories/api/attempts/$ID/promote":
    /no rollout goes on/,
  [`curl -H 'If-Match: *' -d '{"why":"errors"}' 127.0.0.1:8080/v1/repositories/api/attempts/$ID/fail`]:
    /no rollout goes on/,
  [`curl -d '{"id":1}' 127.0.0.1:8080/v1/brake/release`]: /none stands/
}

/** Where one document has another one's command, and the reader sees something else there. */
export const showsIn: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  // There is no marker to adopt yet.
  "docs/api.md": { "curl -X POST 127.0.0.1:8080/v1/adopt": /"adopted":\{\}/ },
  "docs/operations.md": {
    // After the restore: what the dump does not know.
    [String.raw`curl -s 127.0.0.1:8080/v1/repositories | node -p 'JSON.parse(require("fs").readFileSync(0)).repositories.map((r) => r.name + ": " + r.why).join("\n")'`]:
      /^api: api runs v1\.2\.0, .*the marker [0-9a-f-]{36} of an attempt that this database does not have/
  }
}
