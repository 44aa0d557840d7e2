# Tokenscope on a machine of one's own:
#   docker build -t tokenscope .
#   docker run -p 7860:7860 tokenscope
# docs/settings.md lists what -e can set. Strangers' requests share one machine, so the defaults of a Space hold here.
FROM python:3.12-slim

RUN useradd --create-home --uid 1000 scope
WORKDIR /home/scope/tokenscope

# PyTorch's usual build carries CUDA. For a CPU alone, a tenth of the size: --build-arg TORCH_INDEX=<the index of its CPU builds>
ARG TORCH_INDEX=""
COPY requirements.txt ./
RUN pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} -r requirements.txt

COPY app.py settings.py zerogpu.py LICENSE README.md ./
COPY model_runtime/ model_runtime/
COPY viz/ viz/
COPY builtin_model/__init__.py builtin_model/
COPY builtin_model/weights/ builtin_model/weights/
COPY builtin_model/weights_gpt2/ builtin_model/weights_gpt2/

ENV PYTHONDONTWRITEBYTECODE=1 \
    GRADIO_ANALYTICS_ENABLED=False \
    HF_HUB_DISABLE_TELEMETRY=1 \
    TOKENSCOPE_HOST=0.0.0.0 \
    TOKENSCOPE_PORT=7860 \
    TOKENSCOPE_ANY_MODEL=no \
    TOKENSCOPE_FOLDERS="" \
    TOKENSCOPE_RECORDINGS=512MB \
    TOKENSCOPE_TEXT_TOKENS=2048 \
    TOKENSCOPE_RUN_SECONDS=60 \
    TOKENSCOPE_QUEUE=40
USER scope
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=90s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/gradio_api/app_id', timeout=4)"]
CMD ["python", "app.py"]
