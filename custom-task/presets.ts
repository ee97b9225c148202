/** Where one token lies in a step. */
export interface TokenPlace {
  /** Directory of the token, such as `/tokenbroker/deploy-staging`. */
  readonly directory: string
  /** The key of the step's local API, such as `/tokenbroker/key`. */
  readonly keyFile: string
  /** The local API, such as `http://127.0.0.1:8099`. */
  readonly url: string
  /** Local name: the alias, else the policy. */
  readonly name: string
}

/** How unmodified tools find a token: a file beside it, and variables that name paths, never a token. */
export interface Preset {
  /** What the sidecar writes beside `token`; undefined where `token` itself or the local API is what the tool reads. */
  readonly file: string | undefined
  readonly env: (place: TokenPlace) => Readonly<Record<string, string>>
  /** Settings for git, numbered behind those that the step has already (`GIT_CONFIG_COUNT`). */
  readonly gitConfig?: (place: TokenPlace) => readonly (readonly [key: string, value: string])[]
}

/** The values of annotation `tokenbroker.dev/as` and of param `as`. */
export const presets = {
  git: {
    file: 'git-credentials',
    env: () => ({}),
    gitConfig: ({ directory }) => [['credential.helper', `store --file ${directory}/git-credentials`]],
  },
  docker: {
    file: 'config.json',
    env: ({ directory }) => ({ DOCKER_CONFIG: directory, REGISTRY_AUTH_FILE: `${directory}/config.json` }),
  },
  netrc: { file: 'netrc', env: ({ directory }) => ({ NETRC: `${directory}/netrc` }) },
  aws: {
    file: undefined,
    env: ({ url, name, keyFile }) => ({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/aws/${name}`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: keyFile,
    }),
  },
  gcp: {
    file: 'gcp.json',
    env: ({ directory }) => ({
      GOOGLE_APPLICATION_CREDENTIALS: `${directory}/gcp.json`,
      CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE: `${directory}/gcp.json`,
    }),
  },
  azure: { file: undefined, env: ({ directory }) => ({ AZURE_FEDERATED_TOKEN_FILE: `${directory}/token` }) },
  kubeconfig: { file: 'kubeconfig', env: ({ directory }) => ({ KUBECONFIG: `${directory}/kubeconfig` }) },
} as const satisfies Record<string, Preset>

export type PresetName = keyof typeof presets

export const presetNames = Object.keys(presets) as readonly PresetName[]

export function isPresetName(text: string): text is PresetName {
  return Object.hasOwn(presets, text)
}
