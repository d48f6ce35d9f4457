"""What web apps knock on: the HTTP API, the door in OpenAI's shape, the event stream.

`app` puts it together, `server` serves it, `routes` are its addresses, `security` says who may, `uploads` takes
recordings in while they come, `watching` tells listeners what happens, `errors` words every refusal. It stands above
`workers` and sees jobs only through `TenantJobs`; neither torch nor librosa is loaded here.
"""
