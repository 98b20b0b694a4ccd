"""PyTorch on the CPU as a peer: float32, PEER_THREADS threads. Speaks the protocol of serve.mjs."""
import json, os, resource, sys, time

folder = sys.argv[1]
first_step_only = len(sys.argv) > 2 and sys.argv[2] == 'first'


def say(message):
    print('@peer ' + json.dumps(message), flush=True)


def read(name, code):
    import array
    values = array.array(code)
    with open(os.path.join(folder, name), 'rb') as file:
        values.frombytes(file.read())
    return values


def peak_memory():
    try:
        with open('/proc/self/status') as file:
            return 1024 * int(next(line for line in file if line.startswith('VmHWM')).split()[1])
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == 'darwin' else 1024 * peak


class Peer:
    def __init__(self):
        import torch
        self.torch, self.f = torch, torch.nn.functional
        torch.set_num_threads(int(os.environ.get('PEER_THREADS', '2')))
        with open(os.path.join(folder, 'net.json')) as file:
            self.net = net = json.load(file)
        tensor = lambda name, code, dtype: torch.frombuffer(read(name, code), dtype=dtype).clone()
        weights = tensor('weights.bin', 'f', torch.float32)
        self.images = tensor('images.bin', 'f', torch.float32).view(-1, net['batch'], *net['input'])
        self.labels = tensor('labels.bin', 'i', torch.int32).long().view(-1, net['batch'])
        self.params, at = [], 0
        for param in net['params']:
            size = 1
            for n in param['shape']:
                size *= n
            self.params.append(weights[at:at + size].view(param['shape']).clone().requires_grad_())
            at += size
        self.states = [(torch.zeros(c), torch.ones(c)) for c in net['states']]
        self.optimizer = torch.optim.SGD(self.params, lr=net['lr'], momentum=net['momentum'])
        self.steps = 0

    def forward(self, layers, x, training):
        f = self.f
        for layer in layers:
            kind = layer['type']
            params = [self.params[i] for i in layer['params']]
            if kind == 'conv':
                x = f.conv2d(x, params[0], params[1] if len(params) > 1 else None, layer['stride'], layer['pad'], 1, layer['groups'])
            elif kind == 'linear':
                x = f.linear(x, *params)
            elif kind == 'bn':
                x = f.batch_norm(x, *self.states[layer['state']], *params, training, 0.1, 1e-5)
            elif kind == 'relu':
                x = f.relu(x)
            elif kind == 'pool':
                x = f.max_pool2d(x, 2)
            elif kind == 'gap':
                x = x.mean((2, 3))
            elif kind == 'flatten':
                x = x.flatten(1)
            else:
                x = self.forward(layer['body'], x, training) + self.forward(layer['shortcut'], x, training)
        return x

    def step(self):
        batch = self.steps % len(self.images)
        self.steps += 1
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.f.cross_entropy(self.forward(self.net['layers'], self.images[batch], True), self.labels[batch])
        loss.backward()
        self.optimizer.step()
        return loss

    def infer(self, batch):
        with self.torch.inference_mode():
            return self.forward(self.net['layers'], self.images[batch], False).softmax(1)

    def run(self, seconds, work):
        start, done, result = time.perf_counter(), 0, None
        while done == 0 or time.perf_counter() - start < seconds:
            result = work(done)
            done += 1
        return {'images': done * self.net['batch'], 'seconds': time.perf_counter() - start}, result

    def answer(self, message):
        command = message['cmd']
        if command == 'check':
            outputs = self.infer(0).flatten().tolist()
            return {'outputs': outputs, 'losses': [self.step().item() for _ in range(message['steps'])]}
        if command == 'train':
            rate, loss = self.run(message['seconds'], lambda _: self.step())
            return {**rate, 'loss': loss.item()}
        if command == 'infer':
            return self.run(message['seconds'], lambda i: self.infer(i % len(self.images)))[0]
        if command == 'memory':
            return {'bytes': peak_memory()}
        raise ValueError('no command ' + command)


def main():
    try:
        peer = Peer()
        if first_step_only:
            say({'loss': peer.step().item()})
            return
        torch = peer.torch
        onednn = 'with' if torch.backends.mkldnn.is_available() else 'without'
        mkl = 'with' if torch.backends.mkl.is_available() else 'without'
        say({'version': f'torch {torch.__version__}', 'adapter': f'CPU, {torch.get_num_threads()} threads, {onednn} oneDNN, {mkl} MKL'})
    except Exception as error:
        say({'error': f'{error}'})
        sys.exit(1)
    for line in sys.stdin:
        try:
            say(peer.answer(json.loads(line)))
        except Exception as error:
            say({'error': f'{error}'.split('\n')[0]})


main()
