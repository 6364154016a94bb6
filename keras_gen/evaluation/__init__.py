"""Metrics of trained models. Nothing here imports a model: it speaks to them through the contract."""

from keras_gen.evaluation.baselines import baselines as baselines
from keras_gen.evaluation.clusters import clustering_accuracy as clustering_accuracy
from keras_gen.evaluation.clusters import label_clusters as label_clusters
from keras_gen.evaluation.clusters import named_by_the_most_confident as named_by_the_most_confident
from keras_gen.evaluation.curves import roc as roc
from keras_gen.evaluation.disentanglement import dci as dci
from keras_gen.evaluation.disentanglement import factor_vae_score as factor_vae_score
from keras_gen.evaluation.disentanglement import mutual_information_gap as mutual_information_gap
from keras_gen.evaluation.disentanglement import sap as sap
from keras_gen.evaluation.features import Features as Features
from keras_gen.evaluation.features import classifier_features as classifier_features
from keras_gen.evaluation.fidelity import class_histogram as class_histogram
from keras_gen.evaluation.fidelity import fidelity as fidelity
from keras_gen.evaluation.fidelity import frechet_distance as frechet_distance
from keras_gen.evaluation.fidelity import kernel_distance as kernel_distance
from keras_gen.evaluation.fidelity import nearest as nearest
from keras_gen.evaluation.fidelity import precision_recall as precision_recall
from keras_gen.evaluation.jacobian import jacobian_norm as jacobian_norm
from keras_gen.evaluation.likelihood import log_likelihood as log_likelihood
from keras_gen.evaluation.partition import PartitionEstimate as PartitionEstimate
from keras_gen.evaluation.partition import annealed_importance_sampling as annealed_importance_sampling
from keras_gen.evaluation.partition import exact_log_partition as exact_log_partition
from keras_gen.evaluation.parzen import parzen_log_likelihood as parzen_log_likelihood
from keras_gen.evaluation.probes import clustering as clustering
from keras_gen.evaluation.probes import probe as probe
from keras_gen.evaluation.quality import psnr as psnr
from keras_gen.evaluation.quality import ssim as ssim
from keras_gen.evaluation.rows import doubts as doubts
from keras_gen.evaluation.rows import grouped as grouped
from keras_gen.evaluation.summary import report as report
from keras_gen.evaluation.tables import TwoSample as TwoSample
from keras_gen.evaluation.tables import column_distances as column_distances
from keras_gen.evaluation.tables import table_fidelity as table_fidelity
from keras_gen.evaluation.tables import two_sample as two_sample
from keras_gen.evaluation.units import latent_units as latent_units
from keras_gen.face import names_of
from keras_gen.metrics import describe as describe

__dir__ = names_of(globals())
