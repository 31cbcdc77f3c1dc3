"""Chat templates in the manner of well-known model families, each with a habit of its own."""

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

# the template marks itself what the assistant says, the end token left out
CHATML_MARKED = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.role == 'assistant' %}"
    "{% generation %}{{ message.content }}{% endgeneration %}"
    "{% else %}{{ message.content }}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

# … and here the newline behind the end token is marked, too
CHATML_MARKED_WIDE = CHATML_MARKED.replace(
    "{{ message.content }}{% endgeneration %}",
    "{{ message.content }}<|im_end|>\n{% endgeneration %}",
).replace("{% endif %}<|im_end|>\n{% endfor", "<|im_end|>\n{% endif %}{% endfor")

# tools in the system turn, calls behind the content, results in a user turn
CHATML_TOOLS = (
    "{% if tools %}<|im_start|>system\n{{ tools | tojson }}<|im_end|>\n{% endif %}"
    "{% for message in messages %}"
    "{% if message.role == 'tool' %}<|im_start|>user\n<tool_response>{{ message.content }}"
    "</tool_response><|im_end|>\n"
    "{% else %}<|im_start|>{{ message.role }}\n{{ message.content }}"
    "{% for call in message.tool_calls or [] %}"
    "<tool_call>{{ call.function.name }} {{ call.function.arguments | tojson }}</tool_call>"
    "{% endfor %}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

# earlier answers lose their reasoning, the last one gets an empty block when it has none
QWEN3 = (
    "{% set ns = namespace(last=0) %}"
    "{% for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}"
    "{% endfor %}"
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.role == 'assistant' %}"
    "{% set content = message.content.split('</think>')[-1].lstrip('\\n') %}"
    "{% set thought = message.reasoning_content or '' %}"
    "{% if '</think>' in message.content %}"
    "{% set thought = message.content.split('</think>')[0].split('<think>')[-1].strip('\\n') %}"
    "{% endif %}"
    "{% if loop.index0 > ns.last %}<think>\n{{ thought }}\n</think>\n\n{% endif %}{{ content }}"
    "{% else %}{{ message.content }}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n"
    "{% endif %}{% endif %}"
)

# the prompt opens the reasoning, an answer in the history has none
DEEPSEEK_R1 = (
    "<s>{% for message in messages %}"
    "{% if message.role == 'assistant' %}"
    "<|Assistant|>{{ message.content.split('</think>')[-1] }}</s>"
    "{% elif message.role == 'user' %}<|User|>{{ message.content }}"
    "{% else %}{{ message.content }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|Assistant|><think>\n{% endif %}"
)

# no system role, roles must take turns, contents are trimmed, the assistant is called model
GEMMA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}"
    "{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}"
    "{% endif %}"
    "<start_of_turn>{{ 'model' if message.role == 'assistant' else message.role }}\n"
    "{{ message.content | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)

LLAMA3 = (
    "{{ bos_token }}{% for message in messages %}"
    "<|start_header_id|>{{ message.role }}<|end_header_id|>\n\n"
    "{{ message.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)

# no generation prompt, and the system text stands in the last user turn: only while it is last
MISTRAL = (
    "{% set system = messages[0].content if messages[0].role == 'system' else none %}"
    "{{ bos_token }}{% for message in messages %}"
    "{% if message.role == 'user' %}[INST] "
    "{% if loop.last and system %}{{ system }}\n\n{% endif %}{{ message.content }}[/INST]"
    "{% elif message.role == 'assistant' %} {{ message.content }}{{ eos_token }}{% endif %}"
    "{% endfor %}"
)

# a finished conversation ends with one more special token
PHI3 = (
    "{% for message in messages %}<|{{ message.role }}|>\n{{ message.content }}<|end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% else %}{{ eos_token }}{% endif %}"
)

# words, no special token at all
ALPACA = (
    "{% for message in messages %}"
    "{% if message.role == 'assistant' %}### Response:\n{{ message.content }}\n\n"
    "{% else %}### Instruction:\n{{ message.content }}\n\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}### Response:\n{% endif %}"
)

# an answer ends with nothing: the role token of the next turn is a stop token
GLM4 = (
    "{% for message in messages %}<|{{ message.role }}|>\n{{ message.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)

# puts the arguments of a call into its text with +, so that they must be text
CHATML_TEXT_ARGUMENTS = CHATML.replace(
    "{{ message.content }}",
    "{{ message.content }}{% for call in message.tool_calls or [] %}"
    "{{ call.function.name + '(' + call.function.arguments + ')' }}{% endfor %}",
)
