/** What a field takes, for error texts and for the table in `docs/guides/sidecar.md`. */
export interface ConfigField {
  readonly meaning: string
  readonly expectation: string
  /** As it stands in the file. */
  readonly example: string
  /** Absent: the field is required. */
  readonly fallback?: string
}

/** Every key of the sidecar's configuration; `[]` stands for each entry of a list. */
export const configFields = {
  broker: {
    meaning: 'The broker that tokens come from.',
    expectation: 'an object with url',
    example: '{"url": "https://tokenbroker.tokenbroker.svc"}',
  },
  'broker.url': {
    meaning: "URL of the broker's token listener.",
    expectation: 'an https URL without query, fragment or user (plain http on loopback only)',
    example: '"https://tokenbroker.tokenbroker.svc"',
  },
  'broker.ca': {
    meaning: 'Certificate authorities to trust instead of the system ones, as PEM text. It is public.',
    expectation: 'PEM text with BEGIN CERTIFICATE; not together with caFile',
    example: '"-----BEGIN CERTIFICATE-----\\n…"',
    fallback: 'the system authorities',
  },
  'broker.caFile': {
    meaning: 'The same as a file, which is followed when it changes.',
    expectation: 'an absolute path',
    example: '"/etc/tokenbroker/ca.crt"',
    fallback: 'the system authorities',
  },
  'broker.tokenFile': {
    meaning: "The pod's projected ServiceAccount token, with the issuer URL as its audience. Read for each exchange.",
    expectation: 'an absolute path',
    example: '"/var/run/secrets/tokenbroker/token"',
    fallback: '/var/run/secrets/tokenbroker/token',
  },
  listen: {
    meaning: 'Where the local token endpoint listens.',
    expectation: 'a loopback address and a port',
    example: '"127.0.0.1:8099"',
    fallback: '127.0.0.1:8099',
  },
  health: {
    meaning: "Where `/livez` and `/readyz` answer, for the kubelet's probes. Without a host: every address of the pod.",
    expectation: 'an IP address and a port, or a port with a colon before it',
    example: '":8098"',
    fallback: ':8098',
  },
  volume: {
    meaning: 'A memory-backed volume that the sidecar mounts whole; directories of steps in it are made.',
    expectation: 'an absolute path of at most 94 bytes',
    example: '"/tokenbroker"',
    fallback: 'none: every directory is a mount of its own',
  },
  messageFile: {
    meaning: 'Termination log of its container: says in the end which tokens could not be renewed.',
    expectation: 'an absolute path',
    example: '"/dev/termination-log"',
    fallback: 'none',
  },
  steps: {
    meaning: 'The steps that get tokens, each with a directory and a key of its own.',
    expectation: 'a list of 1 to 64 steps, no directory twice',
    example: '[{"directory": "/tokenbroker", "policies": ["deploy-staging"]}]',
  },
  'steps[]': {
    meaning: 'One step.',
    expectation: 'an object with policies',
    example: '{"directory": "/tokenbroker", "policies": ["deploy-staging"]}',
  },
  'steps[].directory': {
    meaning: 'Where the files of this step go: a memory-backed volume.',
    expectation: 'an absolute path of at most 94 bytes, since the socket in it may have 107',
    example: '"/tokenbroker"',
    fallback: '/tokenbroker',
  },
  'steps[].mountPath': {
    meaning: 'Where the step itself mounts that directory: files for tools name others by it.',
    expectation: 'an absolute path',
    example: '"/tokenbroker"',
    fallback: '/tokenbroker',
  },
  'steps[].policies': {
    meaning: 'The tokens of this step.',
    expectation: 'a list of 1 to 64 policies, no name or alias twice',
    example: '["deploy-staging", "api=push-image"]',
  },
  'steps[].policies[]': {
    meaning: 'A TokenPolicy, as `policy` or `alias=policy`, or as an object with the keys below.',
    expectation: 'policy, alias=policy, or an object with policy',
    example: '"api=push-image"',
  },
  'steps[].policies[].policy': {
    meaning: "Name of the TokenPolicy in the run's namespace.",
    expectation: 'a Kubernetes object name (not key or sidecar.sock, unless an alias is given)',
    example: '"deploy-staging"',
  },
  'steps[].policies[].alias': {
    meaning: 'Name of the directory and client id, so that one Task runs in every environment.',
    expectation: 'a Kubernetes object name (not key or sidecar.sock)',
    example: '"api"',
    fallback: 'the policy',
  },
  'steps[].policies[].audience': {
    meaning: 'Narrows the target. Files for tools hold its host.',
    expectation: 'a URI or a name without spaces; together with as it is required',
    example: '"https://deploy.example.com"',
    fallback: 'as the policy says',
  },
  'steps[].policies[].scope': {
    meaning: 'Narrows the scopes.',
    expectation: 'a list of 1 to 64 scopes',
    example: '["deploy:staging"]',
    fallback: 'as the policy says',
  },
  'steps[].policies[].optional': {
    meaning: 'The pod counts as ready also when this token is refused; the step finds `error` in its place.',
    expectation: 'true or false',
    example: 'true',
    fallback: 'false',
  },
  'steps[].policies[].as': {
    meaning: 'Forms in which unmodified tools look for the token; each adds its file to the directory.',
    expectation: 'a list of git, docker, netrc, aws, gcp, azure and kubeconfig, none twice',
    example: '["git"]',
    fallback: 'none',
  },
} as const satisfies Record<string, ConfigField>

export type ConfigKey = keyof typeof configFields
