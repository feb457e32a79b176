"""A server that counts as vLLM does: what it has generated is a counter that it shows to Prometheus."""

import http.server
import os
import threading
import urllib.parse

lock = threading.Lock()
state = {"tokens": 0.0, "requests": 0, "broken": False}


def metrics():
    labels = 'engine="0",model_name="small"'
    return "\n".join(
        [
            "# HELP vllm:generation_tokens_total Number of generation tokens processed.",
            "# TYPE vllm:generation_tokens_total counter",
            f"vllm:generation_tokens_total{{{labels}}} {state['tokens']}",
            f"vllm:generation_tokens_created{{{labels}}} 1.76e+09",
            "# TYPE vllm:request_success_total counter",
            f'vllm:request_success_total{{{labels},finished_reason="stop"}} {state["requests"]}.0',
            f'vllm:request_success_total{{{labels},finished_reason="length"}} 0.0',
            "# TYPE vllm:kv_cache_usage_perc gauge",
            f"vllm:kv_cache_usage_perc{{{labels}}} NaN",
            "",
        ]
    )


class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        status, text = 200, ""
        with lock:
            if url.path == "/generate":
                state["tokens"] += float(urllib.parse.parse_qs(url.query)["tokens"][0])
                state["requests"] += 1
            elif url.path in ("/break", "/mend"):
                state["broken"] = url.path == "/break"
            elif url.path == "/metrics":
                status, text = (500, "") if state["broken"] else (200, metrics())
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Server).serve_forever()
