/** Where the product is installed, and what it is called there. */
export const release = 'tokenbroker'
export const system = 'tokenbroker-system'
export const tokenUrl = `https://${release}.${system}.svc`
export const issuerUrl = `https://${release}-discovery.${system}.svc`
export const target = 'https://deploy.example.com'
