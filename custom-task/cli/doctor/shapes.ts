import { z } from 'zod'

/** Parts of foreign objects that checks read; what is not as expected counts as absent. */
const texts = z.record(z.string(), z.string()).catch({})

export const labelled = z.object({ metadata: z.object({ labels: texts.default({}) }) })

export const configMap = z.object({ data: texts.default({}) })

export const conditions = z
  .object({
    conditions: z
      .array(z.object({ type: z.string(), status: z.string(), message: z.string().default('') }))
      .catch([])
      .default([]),
  })
  .catch({ conditions: [] })

export const workload = z.object({
  spec: z.object({
    replicas: z.number().default(1),
    template: z.object({
      spec: z.object({
        containers: z.array(z.object({ image: z.string().default('') })),
        volumes: z
          .array(
            z.object({
              name: z.string(),
              secret: z
                .object({
                  secretName: z.string(),
                  items: z.array(z.object({ key: z.string(), path: z.string() })).default([]),
                })
                .optional(),
              projected: z
                .object({
                  sources: z.array(
                    z.object({ serviceAccountToken: z.object({ audience: z.string().optional() }).optional() }),
                  ),
                })
                .optional(),
            }),
          )
          .default([]),
      }),
    }),
  }),
  status: z.object({ readyReplicas: z.number().default(0) }).default({ readyReplicas: 0 }),
})

export const webhookConfigurationShape = z.object({
  webhooks: z
    .array(
      z.looseObject({
        name: z.string(),
        clientConfig: z.object({
          caBundle: z.string().default(''),
          service: z.object({ namespace: z.string(), name: z.string(), port: z.number().default(443) }).optional(),
          url: z.string().optional(),
        }),
      }),
    )
    .default([]),
})
